/** Bounds on what is admitted and kept: for all tenants together, and for a tenant without its own limit. */

/** How long ended runs and batches are kept: a day. */
export const DEFAULT_RETENTION_SECONDS = 24 * 60 * 60;

/** Maximum number of ended runs and batches that are kept; the oldest are removed first. */
export const DEFAULT_KEEP_ENDED = 200_000;

/** Of what waits and runs. Bytes are counted as scripts/constants.ts says. */
export interface QueueBounds {
  readonly runs: number;
  readonly bytes: number;
  readonly tenantRuns: number;
  readonly tenantBytes: number;
}

/** Bounds on ended runs and batches. */
export interface KeepBounds {
  readonly retentionSeconds: number;
  readonly records: number;
  readonly bytes: number;
  readonly tenantRecords: number;
  readonly tenantBytes: number;
}

const NO_BOUND = Number.MAX_SAFE_INTEGER;

/** @param bounds omitted bounds are unlimited */
export const queueBounds = (bounds: Partial<QueueBounds>): QueueBounds => ({
  runs: NO_BOUND,
  bytes: NO_BOUND,
  tenantRuns: NO_BOUND,
  tenantBytes: NO_BOUND,
  ...bounds,
});

/** @param bounds defaults: a day, 200,000 records, unlimited bytes, and no share per tenant */
export const keepBounds = (bounds: Partial<KeepBounds>): KeepBounds => ({
  retentionSeconds: DEFAULT_RETENTION_SECONDS,
  records: DEFAULT_KEEP_ENDED,
  bytes: NO_BOUND,
  tenantRecords: NO_BOUND,
  tenantBytes: NO_BOUND,
  ...bounds,
});

/** The bounds that room() of lua/include/room.lua takes, in its order. */
export const roomArguments = ({ runs, bytes, tenantRuns, tenantBytes }: QueueBounds): number[] => [
  runs,
  bytes,
  tenantRuns,
  tenantBytes,
];
