import { Script } from '../redis/script.js';

export const SUBMIT_RUN = new Script('sandpiperSubmitRun', 2, 'intake/submit-run');

/** The arguments of SUBMIT_RUN; the bounds of room() follow. */
export const SUBMIT_RUN_ARGUMENTS = [
  'id',
  'tenant',
  'priority',
  'request',
  'engine',
  'limits',
  'schema',
  'hasKey',
  'fingerprint',
  'callback',
  'trace',
  'live',
] as const;

export const BEGIN_BATCH = new Script('sandpiperBeginBatch', 2, 'intake/begin-batch');
export const STAGE_RUNS = new Script('sandpiperStageRuns', 1, 'intake/stage-runs');
export const SEAL_BATCH = new Script('sandpiperSealBatch', 2, 'intake/seal-batch');
export const DROP_BATCH = new Script('sandpiperDropBatch', 1, 'intake/drop-batch');
