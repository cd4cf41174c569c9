import { Script } from '../redis/script.js';

export const DISPATCH = new Script('sandpiperDispatch', 1, 'lifecycle/dispatch');

export const CLAIM = new Script('sandpiperClaim', 3, 'lifecycle/claim');

export const CLAIM_ARGUMENTS = [
  'id',
  'node',
  'cell',
  'maxDeaths',
  'claim',
  'maxStrays',
  'newestSchema',
  'alone',
] as const;

/** The places of CLAIM's reply; all but the first only where the node gets the run. */
export const CLAIM_REPLY = [
  'outcome',
  'attempt',
  'submitted',
  'deaths',
  'request',
  'epoch',
  'trace',
  'dispatched',
  'tenant',
  'time',
  'retries',
] as const;

export const RELEASE = new Script('sandpiperRelease', 2, 'lifecycle/release');
export const FINISH = new Script('sandpiperFinish', 1, 'lifecycle/finish');
export const MARK_CANCEL = new Script('sandpiperMarkCancel', 1, 'lifecycle/mark-cancel');
export const TAKE_SILENT = new Script('sandpiperTakeSilent', 1, 'lifecycle/take-silent');
