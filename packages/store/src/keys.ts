/**
 * Where everything stands in Redis. The hash tag `{sandpiper}` keeps all of it in one slot, so that one script may
 * touch a run and its batch on a cluster too.
 *
 *   {sandpiper}:run:ID       hash    a run: state, attempt, limits, result
 *   {sandpiper}:batch:ID     hash    a batch: total, done, a counter per status
 *   {sandpiper}:idem:KIND:K  string  idempotency key -> id and fingerprint of the request
 *   {sandpiper}:finished     hash    "status|engine" -> count, for the metrics
 *   {sandpiper}:events       channel what ended (see events.ts)
 *   {sandpiper}:cancel       channel ids of running runs to be cancelled
 *   {sandpiper}:bull:...     BullMQ's own
 */
export const KEY_PREFIX = '{sandpiper}';
export const QUEUE_PREFIX = `${KEY_PREFIX}:bull`;
export const EVENTS_CHANNEL = `${KEY_PREFIX}:events`;
export const CANCEL_CHANNEL = `${KEY_PREFIX}:cancel`;
export const FINISHED_KEY = `${KEY_PREFIX}:finished`;

export type IdempotencyKind = 'run' | 'batch';

export const runKey = (id: string): string => `${KEY_PREFIX}:run:${id}`;
export const batchKey = (id: string): string => `${KEY_PREFIX}:batch:${id}`;
export const idempotencyRedisKey = (kind: IdempotencyKind, key: string): string =>
  `${KEY_PREFIX}:idem:${kind}:${key}`;

/** The id of a run of a batch says where it stands, so no list of them is stored and adding them twice adds them once. */
export const batchRunId = (batchId: string, index: number): string => `${batchId}-${index}`;

/** Ids as the API hands them out; anything else cannot exist. */
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;
