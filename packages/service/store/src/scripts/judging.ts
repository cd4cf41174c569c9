import { Script } from '../redis/script.js';

export const STORE_PROBLEM = new Script('sandpiperStoreProblem', 2, 'judging/store-problem');

/** The arguments of STORE_PROBLEM. */
export const STORE_PROBLEM_ARGUMENTS = [
  'tenant',
  'id',
  'version',
  'facts',
  'bytes',
  'allVersions',
  'allBytes',
  'tenantVersions',
  'tenantBytes',
] as const;

export const REMOVE_PROBLEM = new Script('sandpiperRemoveProblem', 1, 'judging/remove-problem');
export const SUBMIT_SUBMISSION = new Script('sandpiperSubmitSubmission', 3, 'judging/submit');

/** The arguments of SUBMIT_SUBMISSION. */
export const SUBMIT_SUBMISSION_ARGUMENTS = [
  'id',
  'tenant',
  'problem',
  'version',
  'program',
  'label',
  'runsAll',
  'schema',
  'hasKey',
  'fingerprint',
  'trace',
  'allWaiting',
  'tenantWaiting',
  'allBytes',
  'tenantBytes',
] as const;

export const TAKE_SUBMISSION = new Script('sandpiperTakeSubmission', 2, 'judging/take');
export const RENEW_SUBMISSION = new Script('sandpiperRenewSubmission', 2, 'judging/renew');
export const FINISH_SUBMISSION = new Script('sandpiperFinishSubmission', 1, 'judging/finish');
export const RELEASE_SUBMISSION = new Script('sandpiperReleaseSubmission', 2, 'judging/release');
export const CANCEL_SUBMISSION = new Script('sandpiperCancelSubmission', 1, 'judging/cancel');
export const REJUDGE_SUBMISSION = new Script('sandpiperRejudgeSubmission', 1, 'judging/rejudge');
export const SWEEP_SUBMISSIONS = new Script('sandpiperSweepSubmissions', 1, 'judging/sweep');
