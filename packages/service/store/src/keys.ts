/**
 * All keys in Redis. The hash tag `{sandpiper}` keeps them in one slot, so that one script can touch a run,
 * its tenant and its batch on a cluster too.
 *
 *   {sandpiper}:run:ID           hash    a run: state, attempt, tenant, request, limits, result (lua/README.md)
 *   {sandpiper}:batch:ID         hash    a batch: tenant, total, done, a counter per status
 *   {sandpiper}:batch:ID:staged:R  zset  runs of a batch that is still being taken in, for a runtime, with their place
 *   {sandpiper}:batch:ID:ended   list    indices of its runs in the order in which they ended
 *   {sandpiper}:idem:T:KIND:K    string  idempotency key of a tenant -> id and fingerprint of the request; ends with the run
 *   {sandpiper}:backlog:T:R      zset    runs of a tenant that wait for a runtime; by priority, then by time
 *   {sandpiper}:lines:T          set     the runtimes for which runs of a tenant wait
 *   {sandpiper}:waiting          hash    tenant -> runs that wait; field * is all of them
 *   {sandpiper}:demand           hash    runtime -> runs for it that have not ended
 *   {sandpiper}:active:R         zset    tenants with runs that wait for a runtime, by virtual time: the least is served next
 *   {sandpiper}:share:T          hash    virtual time of a tenant, and how long its runs take (lua/include/share.lua)
 *   {sandpiper}:clock            string  the greatest virtual time at which a tenant was served
 *   {sandpiper}:held-back        set     tenants that run as many runs as they may
 *   {sandpiper}:inflight         hash    tenant -> runs that a node has
 *   {sandpiper}:hungry:R         set     nodes that asked for more runs of a runtime than there were
 *   {sandpiper}:runtimes         set     runtimes that a node has had
 *   {sandpiper}:leases           zset    processes of nodes, by the end of their lease
 *   {sandpiper}:held:I           set     runs that such a process has
 *   {sandpiper}:taken            hash    such a process -> what it took last, in case it asks twice
 *   {sandpiper}:tenants          hash    tenant -> its settings, JSON
 *   {sandpiper}:keys             hash    id of an API key -> its hash, tenant and scopes, JSON
 *   {sandpiper}:sequence         string  counts submissions: the order of runs of one priority
 *   {sandpiper}:staging          zset    batches that are being taken in, by when they began
 *   {sandpiper}:running          zset    runs that a node has claimed, by when
 *   {sandpiper}:deferred         zset    runs that wait outside of the backlogs, by when they are due (lua/include/quarantine.lua)
 *   {sandpiper}:quarantined      set     runs of the quarantine that are in a backlog or with a node
 *   {sandpiper}:ended:T          zset    ended runs and batches of a tenant, by when: the oldest leave first
 *   {sandpiper}:keeping          zset    tenants with ended runs, by when the sweep last looked at them
 *   {sandpiper}:kept             hash    tenant -> ended runs and batches that are kept; field * is all of them
 *   {sandpiper}:bytes:queued     hash    tenant -> bytes of its runs that wait or run; field * is all of them
 *   {sandpiper}:bytes:kept       hash    tenant -> bytes of its ended runs and batches; field * is all of them
 *   {sandpiper}:removed          hash    why -> ended runs and batches that the sweep removed, for the metrics
 *   {sandpiper}:purging          zset    batches that are being removed, by when that began
 *   {sandpiper}:live-ended       zset    ended live runs whose streams are still there, by when they ended
 *   {sandpiper}:leader           string  the scheduler that acts on ends of runs, for the time of a lease
 *   {sandpiper}:dead             zset    runs that kept crashing their worker, by time
 *   {sandpiper}:dead:T           zset    those of one tenant
 *   {sandpiper}:callbacks        zset    ended runs whose callback is due, by when
 *   {sandpiper}:nodes            hash    node -> its last sign of life, JSON
 *   {sandpiper}:cordons          hash    node -> "cordon" or "drain", for nodes that must take no runs
 *   {sandpiper}:finished         hash    "status|engine" -> count, for the metrics
 *   {sandpiper}:replicated       string  counts the times that replicas were waited for (replication.ts)
 *   {sandpiper}:live:ID          hash    how far the input of a live run is (lua/README.md)
 *   {sandpiper}:live:ID:out      stream  what it writes, and the channel that says so
 *   {sandpiper}:live:ID:in       stream  what it is fed, and the channel that says so
 *   {sandpiper}:live:ID:feeder   string  a client that may feed it is connected
 *   {sandpiper}:problem:T:P      hash    a problem of a tenant: its latest version, and of each version what it is, JSON
 *   {sandpiper}:problem:T:P:versions     zset  versions of a problem, by when they were uploaded
 *   {sandpiper}:package:T:P:V    list    the package of a version, in pieces
 *   {sandpiper}:upload:ID        list    a package on its way in; it expires
 *   {sandpiper}:problems:T       zset    problems of a tenant, by name
 *   {sandpiper}:bytes:problems   hash    tenant -> bytes of its packages; field * is all of them
 *   {sandpiper}:versions         hash    tenant -> versions of its problems; field * is all of them
 *   {sandpiper}:submission:ID    hash    a submission: problem, program, state, verdict (lua/README.md)
 *   {sandpiper}:submissions:T    zset    submissions of a tenant, by when they came
 *   {sandpiper}:submitted:T:P    zset    those for one problem
 *   {sandpiper}:judging:of:T     zset    submissions of a tenant that wait for a judge, by when they came
 *   {sandpiper}:judging          zset    tenants with such submissions, by when one of theirs was last taken
 *   {sandpiper}:judging:turns    hash    tenant -> the same, also while nothing of it waits; field * counts the turns
 *   {sandpiper}:judging:waiting  hash    tenant -> submissions that wait; field * is all of them
 *   {sandpiper}:judging:leased   zset    submissions that a scheduler judges, by the end of its lease
 *   {sandpiper}:judged           zset    submissions that were judged or cancelled, by when
 *   {sandpiper}:judged:T         zset    those of one tenant
 *   {sandpiper}:bytes:submissions hash   tenant -> bytes of its submissions; field * is all of them
 *   {sandpiper}:events           channel what ended (see events.ts)
 *   {sandpiper}:cancel           channel ids of running runs to be cancelled
 *   {sandpiper}:bull:...         BullMQ's own
 */
export const KEY_PREFIX = '{sandpiper}';
export const QUEUE_PREFIX = `${KEY_PREFIX}:bull`;
export const EVENTS_CHANNEL = `${KEY_PREFIX}:events`;
export const CANCEL_CHANNEL = `${KEY_PREFIX}:cancel`;

/** Published on the channel of events when a node comes, goes, or changes what it can do. */
export const NODES_CHANGED = 'nodes';

/** Published there with the id of a submission behind it when the submission changes. */
export const SUBMISSION_CHANGED = 'submission ';

const key = (name: string): string => `${KEY_PREFIX}:${name}`;

export const KEYS = {
  finished: key('finished'),
  waiting: key('waiting'),
  demand: key('demand'),
  clock: key('clock'),
  heldBack: key('held-back'),
  runtimes: key('runtimes'),
  leases: key('leases'),
  taken: key('taken'),
  inflight: key('inflight'),
  tenants: key('tenants'),
  apiKeys: key('keys'),
  sequence: key('sequence'),
  staging: key('staging'),
  running: key('running'),
  deferred: key('deferred'),
  quarantined: key('quarantined'),
  keeping: key('keeping'),
  kept: key('kept'),
  queuedBytes: key('bytes:queued'),
  keptBytes: key('bytes:kept'),
  removed: key('removed'),
  purging: key('purging'),
  liveEnded: key('live-ended'),
  replicated: key('replicated'),
  leader: key('leader'),
  dead: key('dead'),
  callbacks: key('callbacks'),
  nodes: key('nodes'),
  cordons: key('cordons'),
  problemBytes: key('bytes:problems'),
  versions: key('versions'),
  judging: key('judging'),
  judgingTurns: key('judging:turns'),
  judgingWaiting: key('judging:waiting'),
  judgingLeased: key('judging:leased'),
  judged: key('judged'),
  submissionBytes: key('bytes:submissions'),
} as const;

/**
 * Obsolete keys of earlier versions: ended runs, in one list for all tenants; and of schema 3 how many runs waited, and the
 * virtual times of tenants.
 */
export const LEFT_BEHIND = [key('ended'), key('backlogs'), key('times')] as const;

/** Where schedulers up to schema 3 put runs (lua/operation/migrate.lua). */
export const OF_SCHEMA_3 = {
  dispatched: key('dispatched'),
  active: key('active'),
  queue: 'sandpiper-runs',
} as const;

/** Prefixes of keys with an id or a tenant; scripts build such names too. */
export const PREFIXES = {
  run: key('run:'),
  batch: key('batch:'),
  backlog: key('backlog:'),
  lines: key('lines:'),
  active: key('active:'),
  share: key('share:'),
  hungry: key('hungry:'),
  held: key('held:'),
  idempotency: key('idem:'),
  live: key('live:'),
  ended: key('ended:'),
  dead: key('dead:'),
  problem: key('problem:'),
  problems: key('problems:'),
  package: key('package:'),
  upload: key('upload:'),
  submission: key('submission:'),
  submissions: key('submissions:'),
  submitted: key('submitted:'),
  judging: key('judging:of:'),
  judged: key('judged:'),
} as const;

/** The field with the total in counters by tenant; no tenant can have this name. */
export const ALL_TENANTS = '*';

export type IdempotencyKind = 'run' | 'batch' | 'submission';

export const runKey = (id: string): string => PREFIXES.run + id;
export const batchKey = (id: string): string => PREFIXES.batch + id;
export const batchEndedKey = (id: string): string => `${PREFIXES.batch}${id}:ended`;
export const liveKey = (id: string): string => PREFIXES.live + id;
export const liveOutputKey = (id: string): string => `${PREFIXES.live}${id}:out`;
export const liveInputKey = (id: string): string => `${PREFIXES.live}${id}:in`;
export const liveFeederKey = (id: string): string => `${PREFIXES.live}${id}:feeder`;
export const endedKey = (tenant: string): string => PREFIXES.ended + tenant;
export const deadKey = (tenant: string): string => PREFIXES.dead + tenant;
/** No name of a tenant has a colon. */
export const backlogKey = (tenant: string, runtime: string): string =>
  `${PREFIXES.backlog}${tenant}:${runtime}`;
/** No name of a tenant has a colon, nor has that of a problem. */
export const problemKey = (tenant: string, id: string): string => `${PREFIXES.problem}${tenant}:${id}`;
export const packageKey = (tenant: string, id: string, version: string): string =>
  `${PREFIXES.package}${tenant}:${id}:${version}`;
export const submittedKey = (tenant: string, problem: string): string =>
  `${PREFIXES.submitted}${tenant}:${problem}`;
export const submissionRedisKey = (id: string): string => PREFIXES.submission + id;
export const idempotencyRedisKey = (tenant: string, kind: IdempotencyKind, name: string): string =>
  `${PREFIXES.idempotency}${tenant}:${kind}:${name}`;

/** The id of a batch's run contains its index, so no list is stored, and adding a run twice adds it once. */
export const batchRunId = (batchId: string, index: number): string => `${batchId}-${index}`;

/** Inverse of {@link batchRunId}; null for a run without a batch. */
export function batchPosition(runId: string): { readonly batchId: string; readonly index: number } | null {
  const found = /^(b[0-9a-f]+)-(\d+)$/.exec(runId);
  return found === null ? null : { batchId: found[1] ?? '', index: Number(found[2]) };
}

/** The form of ids; anything else cannot exist. */
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;

/** The tenant of all runs on a service without keys. */
export const DEFAULT_TENANT = 'default';
