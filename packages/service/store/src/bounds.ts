/** What is taken in and kept at most: of all tenants together, and of one that has no limit of its own. */

/** How long ended runs and batches are kept: a day. */
export const DEFAULT_RETENTION_SECONDS = 24 * 60 * 60;

/** How many ended runs and batches are kept at most; the oldest leave first. */
export const DEFAULT_KEEP_ENDED = 200_000;

/** Of what waits and runs. Bytes are counted as scripts/bytes.ts says. */
export interface QueueBounds {
  readonly runs: number;
  readonly bytes: number;
  readonly tenantRuns: number;
  readonly tenantBytes: number;
}

/** Of what has ended. */
export interface KeepBounds {
  readonly retentionSeconds: number;
  readonly records: number;
  readonly bytes: number;
  readonly tenantRecords: number;
  readonly tenantBytes: number;
}

const NO_BOUND = Number.MAX_SAFE_INTEGER;

/** @param bounds what is left out is not bounded */
export const queueBounds = (bounds: Partial<QueueBounds>): QueueBounds => ({
  runs: NO_BOUND,
  bytes: NO_BOUND,
  tenantRuns: NO_BOUND,
  tenantBytes: NO_BOUND,
  ...bounds,
});

/**
 * @param bounds what is left out: a day, 200,000 records, any number of bytes, and no share of a tenant's own
 */
export const keepBounds = (bounds: Partial<KeepBounds>): KeepBounds => ({
  retentionSeconds: DEFAULT_RETENTION_SECONDS,
  records: DEFAULT_KEEP_ENDED,
  bytes: NO_BOUND,
  tenantRecords: NO_BOUND,
  tenantBytes: NO_BOUND,
  ...bounds,
});

/** As ROOM of scripts/lua.ts takes them. */
export const roomArguments = ({ runs, bytes, tenantRuns, tenantBytes }: QueueBounds): number[] => [
  runs,
  bytes,
  tenantRuns,
  tenantBytes,
];
