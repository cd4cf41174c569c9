import { Script } from '../redis/script.js';

export const SUBMIT_RUN = new Script('sandpiperSubmitRun', 2, 'intake/submit-run');

/** The arguments of SUBMIT_RUN; the bounds of room() follow. */
export const SUBMIT_RUN_ARGUMENTS = [
  'id',
  'tenant',
  'priority',
  'request',
  'engine',
  'runtime',
  'limits',
  'schema',
  'hasKey',
  'fingerprint',
  'callback',
  'trace',
  'live',
] as const;

export const BEGIN_BATCH = new Script('sandpiperBeginBatch', 2, 'intake/begin-batch');

/** The arguments of BEGIN_BATCH; the bounds of room() follow. */
export const BEGIN_BATCH_ARGUMENTS = [
  'newId',
  'tenant',
  'name',
  'hasKey',
  'fingerprint',
  'schema',
  'runs',
  'intake',
] as const;

export const STAGE_RUNS = new Script('sandpiperStageRuns', 1, 'intake/stage-runs');

/** The arguments of STAGE_RUNS; the bounds of room() follow, and then the fields of each run. */
export const STAGE_RUNS_ARGUMENTS = ['batch', 'tenant', 'schema', 'trace', 'intake'] as const;
export const STAGED_RUN_FIELDS = [
  'index',
  'priority',
  'request',
  'engine',
  'runtime',
  'limits',
  'callback',
] as const;

export const SEAL_BATCH = new Script('sandpiperSealBatch', 2, 'intake/seal-batch');

/** The arguments of SEAL_BATCH; the bounds of room() follow. */
export const SEAL_BATCH_ARGUMENTS = ['id', 'tenant', 'runs', 'hasKey', 'fingerprint', 'intake'] as const;

export const DROP_BATCH = new Script('sandpiperDropBatch', 1, 'intake/drop-batch');
