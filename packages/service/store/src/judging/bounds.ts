/** Bounds on problems and submissions, for all tenants together and for each. */
export interface JudgingBounds {
  /** Versions of problems, and the bytes of their packages. */
  readonly versions: number;
  readonly tenantVersions: number;
  readonly problemBytes: number;
  readonly tenantProblemBytes: number;
  /** Submissions that wait for a judge. */
  readonly waiting: number;
  readonly tenantWaiting: number;
  /** Bytes of submissions, those that were judged included: the oldest of these leave first. */
  readonly submissionBytes: number;
  readonly tenantSubmissionBytes: number;
}

/** A bound that is reached: what is there, and the most that may be. */
export interface BoundReached {
  readonly outcome:
    | 'all-versions'
    | 'all-bytes'
    | 'tenant-versions'
    | 'tenant-bytes'
    | 'all-waiting'
    | 'tenant-waiting';
  readonly there: number;
  readonly most: number;
}
