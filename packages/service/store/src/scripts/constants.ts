import { DEFAULT_RUNTIME_NAME, LIVE_BOUNDS } from '@sandpiper/contracts';
import { ALL_TENANTS, CANCEL_CHANNEL, EVENTS_CHANNEL, NODES_CHANGED, SUBMISSION_CHANGED } from '../keys.js';
import { SCHEMA } from '../schema.js';

/**
 * What a record costs Redis, in bytes, as the scripts that store and remove it count it. Each script moves the counters in
 * the step in which it moves the record, so they are exact sums of the field `size` of runs and batches:
 *
 *   run     RUN_BYTES + held(request) + held(result) + callback + trace + its idempotency key + its live streams
 *   batch   BATCH_BYTES + name + its idempotency key + BATCH_RUN_BYTES for each run
 *
 * A run counts as queued until it ends and as kept afterwards. The figures are what Redis 7 needs beside the payload,
 * measured as used_memory for 10,000 short runs; test/bytes.redis.test.ts compares the sums with Redis's own figure.
 */
const BYTES = {
  /** The hash with its small fields, its place in the backlog or among the ended. */
  RUN_BYTES: 1400,
  BATCH_BYTES: 700,
  /** A key beside the two copies of its name. */
  IDEMPOTENCY_KEY_BYTES: 240,
  /** A hash and two streams with one block each. */
  LIVE_BYTES: 10_240,
  /** What a stream holds beside the bytes of one entry. */
  LIVE_ENTRY_BYTES: 48,
  /** The index of a run in the list of those that ended. */
  BATCH_RUN_BYTES: 8,
  /** A submission beside its program and its result: the hash with its small fields, and its places in lists. */
  SUBMISSION_BYTES: 1600,
} as const;

/** Times in milliseconds. */
const TIMES = {
  /** What the first run of a tenant is expected to take, and every run at least. */
  FIRST_RUN_MS: 100,
  LEAST_RUN_MS: 0.1,
  /** A run that its node does not know of goes back after this time. */
  STRAY_MS: 5_000,
  /** A run that must be alone on a node is due again after this time; the node waits for the others for less. */
  ALONE_MS: 15_000,
  /** A run that this node cannot read is offered to others after this time. */
  NEWER_MS: 5_000,
  /** Delay after an attempt that failed because its host lacked something, for each such attempt. */
  UNBLAMED_MS: 1_000,
  /** Delay before a run that waited for a CPU runs again, for each time: load comes and goes. */
  UNRELIABLE_MS: 250,
  /** Delay after the first death; each further death makes it four times as long. */
  FIRST_BACK_OFF_MS: 1_000,
  /** Delay before the next node may take a run that the node to avoid has passed on. */
  PASS_MS: 500,
  /**
   * How long a record whose callback is still due ranks behind the others: a week, as long as a callback that was given up
   * can be sent again by hand. It is the last of its tenant to be evicted.
   */
  CALLBACK_RANK_MS: 7 * 24 * 3600 * 1000,
  /** How long the streams of a live run stay after its end; the result holds all output too. */
  LIVE_KEPT_MS: 600_000,
  /** The sweep looks at a tenant again after this time. */
  LOOK_AGAIN_MS: 200,
} as const;

/** How much one step does at most, so that Redis serves others in between. */
const STEPS = {
  /** Runs or records that one step removes. */
  REMOVED_AT_ONCE: 250,
  /** Requests that one reply to a node holds, bytes; the last of them may go beyond it. */
  TAKEN_BYTES: 4 * 1024 * 1024,
  /** Nodes that one step wakes; the others are woken by what follows, or ask within a second. */
  WOKEN_AT_ONCE: 50,
  /** Tenants that one step of the sweep looks at. */
  TENANTS_AT_ONCE: 100,
} as const;

/** What the scripts write as `CONST.NAME`. */
export const CONSTANTS = {
  ...BYTES,
  ...TIMES,
  ...STEPS,
  SCHEMA,
  DEFAULT_RUNTIME: DEFAULT_RUNTIME_NAME,
  /** Weight of the past in the mean length of a tenant's runs. */
  RUNS_IN_MEAN: 8,
  ALL_TENANTS,
  CANCEL_CHANNEL,
  EVENTS_CHANNEL,
  NODES_CHANGED,
  SUBMISSION_CHANGED,
  LIVE_INPUT_BYTES: LIVE_BOUNDS.input,
  LIVE_WINDOW_BYTES: LIVE_BOUNDS.window,
  /** What a batch is called among the ended records of its tenant, where a run is called by its id alone. */
  BATCH_MEMBER: 'batch ',
  /**
   * The newest records of a tenant stay whatever they take, so that a result above the bound can be read: a run, and its
   * batch. The bound of all tenants together knows no exception.
   */
  ALWAYS_KEPT: 2,
  /** Of a problem; the oldest leave first. */
  MAX_VERSIONS: 20,
  /** Earlier verdicts of a submission that are kept. */
  MAX_HISTORY: 20,
  /** How often a run is passed on because the node that took it is the one to avoid; then that node may have it. */
  MAX_PASSES: 20,
} as const;
