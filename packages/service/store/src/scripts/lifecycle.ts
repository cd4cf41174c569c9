import { Script } from '../redis/script.js';

export const TAKE = new Script('sandpiperTake', 3, 'lifecycle/take');

/** The arguments of TAKE; the runtimes of the node follow. */
export const TAKE_ARGUMENTS = [
  'node',
  'claim',
  'most',
  'maxDeaths',
  'maxStrays',
  'newestSchema',
  'alone',
  'wanted',
] as const;

/** The places of a reply of TAKE for a run that the node gets. */
export const TAKE_REPLY = [
  'outcome',
  'id',
  'attempt',
  'submitted',
  'deaths',
  'request',
  'epoch',
  'trace',
  'tenant',
  'time',
  'retries',
] as const;

export const RELEASE = new Script('sandpiperRelease', 1, 'lifecycle/release');
export const FINISH = new Script('sandpiperFinish', 1, 'lifecycle/finish');
export const MARK_CANCEL = new Script('sandpiperMarkCancel', 1, 'lifecycle/mark-cancel');
export const LOSE_NODES = new Script('sandpiperLoseNodes', 2, 'lifecycle/lose-nodes');
export const FIND_STRAYS = new Script('sandpiperFindStrays', 2, 'lifecycle/find-strays');
/** Runs that wait outside of the backlogs: lua/include/quarantine.lua says when. */
export const TAKE_DEFERRED = new Script('sandpiperTakeDeferred', 2, 'lifecycle/take-deferred');
