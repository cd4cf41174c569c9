import { Script } from '../redis/script.js';

export const SWEEP = new Script('sandpiperSweep', 1, 'retention/sweep');
export const PURGE_RUN = new Script('sandpiperPurgeRun', 1, 'retention/purge-run');
export const PURGE_BATCH = new Script('sandpiperPurgeBatch', 1, 'retention/purge-batch');
export const SETTLE_CALLBACK = new Script('sandpiperSettleCallback', 1, 'retention/settle-callback');
export const DISMISS_DEAD = new Script('sandpiperDismissDead', 1, 'retention/dismiss-dead');
export const MARK_REQUEUED = new Script('sandpiperMarkRequeued', 1, 'retention/mark-requeued');
