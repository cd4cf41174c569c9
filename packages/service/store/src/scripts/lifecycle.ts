import { CANCEL_CHANNEL, KEYS, PREFIXES } from '../keys.js';
import { Script } from '../script.js';
import { CALLBACK_RANK_MS, END } from './forget.js';
import { NOW, SETTINGS } from './lua.js';
import { PASS, QUARANTINE } from './quarantine.js';

/** A run that this node cannot read is offered to others after this time, milliseconds. */
const NEWER_MS = 5_000;

/** Delay after an attempt whose host lacked a resource, milliseconds for each such attempt. */
const UNBLAMED_MS = 1_000;

/**
 * Dispatches runs: one at a time from the tenant with the least virtual time, which each run advances by the
 * inverse of the tenant's weight (start-time fair queueing, Goyal et al. 1996, at one unit a run). KEYS:
 * dispatched. ARGV: how many may be with the queue unclaimed, how many to take at most. Returns ids; the
 * caller adds them to the queue.
 */
export const DISPATCH = new Script(
  'sandpiperDispatch',
  1,
  `${SETTINGS}${NOW}
local ids = {}
local wanted = math.min(tonumber(ARGV[1]) - redis.call('ZCARD', KEYS[1]), tonumber(ARGV[2]))
local known = {}
local clock
local gone = 0
while #ids < wanted and gone < wanted do
  local first = redis.call('ZRANGE', '${KEYS.active}', 0, 0, 'WITHSCORES')
  local tenant = first[1]
  if not tenant then break end
  local own = known[tenant]
  if not own then
    own = settings(tenant)
    own.inflight = tonumber(redis.call('HGET', '${KEYS.inflight}', tenant) or '0')
    own.taken = 0
    known[tenant] = own
  end
  local head = {}
  if own.maxRunning == 0 or own.inflight + own.taken < own.maxRunning then
    head = redis.call('ZPOPMIN', '${PREFIXES.backlog}' .. tenant)
  end
  if not head[1] then
    -- Nothing waits, or it has all that it may: a submission or an end brings it back.
    redis.call('ZREM', '${KEYS.active}', tenant)
    redis.call('HSET', '${KEYS.times}', tenant, first[2])
  elseif redis.call('HGET', '${PREFIXES.run}' .. head[1], 'state') ~= 'queued' then
    -- It was cancelled, or purged, before its batch was whole.
    gone = gone + 1
  else
    own.taken = own.taken + 1
    clock = first[2]
    redis.call('HSET', '${PREFIXES.run}' .. head[1], 'counted', '1')
    redis.call('ZADD', KEYS[1], text(now()), head[1])
    redis.call('ZADD', '${KEYS.active}', string.format('%.17g', tonumber(first[2]) + 1 / own.weight), tenant)
    ids[#ids + 1] = head[1]
  end
end
if #ids + gone > 0 then redis.call('DECRBY', '${KEYS.backlogs}', #ids + gone) end
if #ids == 0 then return ids end
redis.call('SET', '${KEYS.clock}', clock)
for tenant, own in pairs(known) do
  if own.taken > 0 then redis.call('HINCRBY', '${KEYS.inflight}', tenant, own.taken) end
end
return ids
`,
);

/**
 * A node takes a run. The fencing token is the claim's own name: any other token is stale. (A counter would
 * repeat after a failover that lost a claim.) Its epoch, Redis's time made to grow, orders the output of
 * attempts. A run that is claimed while it runs has lost its node: that is a death, until the node that is
 * blamed shows that it lives (RELEASE), and the run goes into quarantine. A claim that comes twice, for its
 * connection broke before the answer, is answered twice. KEYS: run, dispatched, running. ARGV: id, node,
 * cell, deaths after which it is given up, a name of this claim alone, how often it may be lost, the newest
 * schema that the node reads, '1' where nothing else runs on the node. Returns {verdict, attempt, submitted,
 * deaths, request, epoch, trace, when it was handed to the queue, tenant, now}; verdict is run, cancel,
 * poison, done or missing; deferred: it waits outside of the queue, for a while or for another node; newer:
 * the same, as the node cannot read it; alone: to be claimed again when nothing else runs on the node.
 */
export const CLAIM = new Script(
  'sandpiperClaim',
  3,
  `${NOW}${QUARANTINE}${PASS}
local id = ARGV[1]
local dispatched = redis.call('ZSCORE', KEYS[2], id)
redis.call('ZREM', KEYS[2], id)
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'deaths', 'claim', 'strays', 'cancel',
  'submitted', 'request', 'epoch', 'trace', 'tenant', 'schema', 'quarantine', 'avoid', 'node')
local state, attempt, deaths, epoch = run[1], tonumber(run[2]), tonumber(run[3] or '0'), tonumber(run[9] or '0')
local most = tonumber(ARGV[4])
if not state then return {'missing'} end
if state == 'done' then return {'done'} end
if tonumber(run[12] or '1') > tonumber(ARGV[7]) then
  if state == 'queued' then defer(id, ${NEWER_MS}) end
  return {'newer', run[12]}
end
local time = now()
if state ~= 'running' or run[4] ~= ARGV[5] then
  if state == 'running' then
    deaths = redis.call('HINCRBY', KEYS[1], 'deaths', 1)
    redis.call('HSET', KEYS[1], 'blamed:' .. (run[4] or attempt), '1')
    if deaths < most and not run[6] then
      quarantine(id, deaths, most, 'node', run[15])
      return {'deferred'}
    end
  elseif redis.call('ZSCORE', '${KEYS.deferred}', id) then
    return {'deferred'}
  elseif run[13] and deaths < most and not run[6] then
    if pass(id, ARGV[2], run[14]) then return {'deferred'} end
    if run[13] == 'node' and ARGV[8] ~= '1' then
      redis.call('ZADD', KEYS[2], dispatched or text(time), id)
      return {'alone'}
    end
  end
  attempt = redis.call('HINCRBY', KEYS[1], 'attempt', 1)
  epoch = math.max(time, epoch + 1)
  redis.call('HSET', KEYS[1], 'state', 'running', 'node', ARGV[2], 'cell', ARGV[3], 'claim', ARGV[5],
    'epoch', text(epoch))
  redis.call('ZADD', KEYS[3], text(time), id)
end
local verdict = 'run'
if run[6] then
  verdict = 'cancel'
elseif deaths >= most or tonumber(run[5] or '0') >= tonumber(ARGV[6]) then
  verdict = 'poison'
end
return {verdict, attempt, tonumber(run[7]), deaths, run[8], text(epoch), run[10], dispatched, run[11], text(time)}
`,
);

/**
 * The run goes back. KEYS: run, running. ARGV: claim, id, why, deaths after which it is given up.
 * `hand-back`: the caller gives it back to the queue. `failed` counts as a death and `unblamed` does not;
 * both put it off. `lock-lost` tells that who had the attempt is alive: when it was taken for dead, that is
 * taken back, and the run need not wait. Returns 1 when the claim was the current one.
 */
export const RELEASE = new Script(
  'sandpiperRelease',
  2,
  `${NOW}${QUARANTINE}
local id, why = ARGV[2], ARGV[3]
local run = redis.call('HMGET', KEYS[1], 'state', 'claim', 'node')
if not run[1] or run[1] == 'done' then return 0 end
if run[1] ~= 'running' or run[2] ~= ARGV[1] then
  if why ~= 'failed' and redis.call('HDEL', KEYS[1], 'blamed:' .. ARGV[1]) == 1 then
    redis.call('HINCRBY', KEYS[1], 'strays', 1)
    if redis.call('HINCRBY', KEYS[1], 'deaths', -1) == 0 then redis.call('HDEL', KEYS[1], 'quarantine', 'avoid') end
    if redis.call('ZSCORE', '${KEYS.deferred}', id) then redis.call('ZADD', '${KEYS.deferred}', 0, id) end
  end
  return 0
end
if why == 'failed' then
  quarantine(id, redis.call('HINCRBY', KEYS[1], 'deaths', 1), tonumber(ARGV[4]), 'cell', run[3])
elseif why == 'unblamed' then
  defer(id, ${UNBLAMED_MS} * redis.call('HINCRBY', KEYS[1], 'strays', 1))
else
  redis.call('HSET', KEYS[1], 'state', 'queued')
  redis.call('HDEL', KEYS[1], 'node', 'cell', 'claim')
  redis.call('ZREM', KEYS[2], id)
  if why == 'lock-lost' then redis.call('HINCRBY', KEYS[1], 'strays', 1) end
end
return 1
`,
);

/**
 * A run ends, exactly once. Who may end it: the current claim; a cancel, while no node has it ('queued').
 * Counters of the batch and the tenant move in the same step, so they never disagree with the runs. It works
 * while Redis has no memory left to give: a result that is in hand is not to be lost; what is too much then,
 * the sweep removes. KEYS: run. ARGV: claim, result, status, id, index in the batch, '1' for the list of the
 * dead, what is shown there. Returns accepted, done, stale or missing.
 */
export const FINISH = new Script(
  'sandpiperFinish',
  1,
  `#!lua flags=allow-oom
${END}
local id, time = ARGV[4], now()
local run = redis.call('HMGET', KEYS[1], 'tenant', 'engine', 'counted', 'callback', 'state', 'claim', 'live', 'size',
  'batch', 'purge')
local tenant, state = run[1], run[5]
if not state then return 'missing' end
if state == 'done' then return 'done' end
if ARGV[1] == 'queued' then
  if state ~= 'queued' then return 'stale' end
elseif state ~= 'running' or run[6] ~= ARGV[1] then
  return 'stale'
end
leave_queue(id, tenant, state, run[3])
redis.call('HINCRBY', '${KEYS.finished}', ARGV[3] .. '|' .. run[2], 1)
local waiting = tonumber(run[8] or '0')
local kept = waiting + held(#ARGV[2])
redis.call('HDEL', KEYS[1], 'node', 'cell', 'claim', 'counted')
if ARGV[6] == '1' then
  redis.call('HSET', KEYS[1], 'dead', '1', 'message', ARGV[7])
  redis.call('ZADD', '${KEYS.dead}', text(time), id)
  redis.call('ZADD', '${PREFIXES.dead}' .. tenant, text(time), id)
else
  kept = kept - held(redis.call('HSTRLEN', KEYS[1], 'request'))
  redis.call('HDEL', KEYS[1], 'request')
end
redis.call('HSET', KEYS[1], 'state', 'done', 'result', ARGV[2], 'size', kept)
if run[7] then redis.call('ZADD', '${KEYS.liveEnded}', text(time), id) end
local callback = run[4] and run[4] ~= '' and not run[10]
if callback then
  redis.call('HSET', KEYS[1], 'due', '1')
  redis.call('ZADD', '${KEYS.callbacks}', text(time), id)
end
count('${KEYS.keptBytes}', tenant, kept - waiting)
keep(tenant, id, waiting, callback and time + ${CALLBACK_RANK_MS} or time)
local batch_done = run[9] ~= '' and end_in_batch(run[9], ARGV[3], ARGV[5], time)
if run[10] then forget_run(id) end
tell_end(id, run[9], batch_done, callback)
return 'accepted'
`,
);

/**
 * Marks a run for cancelling, and tells the node that runs it. KEYS: run. ARGV: id. Returns its state, or
 * false.
 */
export const MARK_CANCEL = new Script(
  'sandpiperMarkCancel',
  1,
  `#!lua flags=allow-oom
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'done' then redis.call('HSET', KEYS[1], 'cancel', '1') end
if state == 'running' then redis.call('PUBLISH', '${CANCEL_CHANNEL}', ARGV[1]) end
return state
`,
);

/**
 * Runs that were given to the queue, or claimed, long ago and of which nothing was heard: they are to be
 * looked at, and not again at once. KEYS: dispatched or running. ARGV: for how long, milliseconds; how many.
 * Returns ids.
 */
export const TAKE_SILENT = new Script(
  'sandpiperTakeSilent',
  1,
  `${NOW}
local time = now()
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(time - ARGV[1]), 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do redis.call('ZADD', KEYS[1], text(time), id) end
return ids
`,
);
