import { CANCEL_CHANNEL, EVENTS_CHANNEL, KEYS, PREFIXES } from '../keys.js';
import { Script } from '../script.js';
import { LIVE_KEPT_SECONDS } from './live.js';
import { ACTIVATE, FORGET_OLDEST, SETTINGS } from './lua.js';

/**
 * Hands runs to the queue: from the tenant whose virtual time is least, one at a time, each of which moves its time on by
 * one part of its weight (start-time fair queueing, Goyal et al. 1996, at one unit a run). KEYS: dispatched. ARGV: now,
 * how many may be with the queue unclaimed, how many to take at most. Returns ids; the caller adds them to the queue.
 */
export const DISPATCH = new Script(
  'sandpiperDispatch',
  1,
  `${SETTINGS}
local ids = {}
local wanted = math.min(tonumber(ARGV[2]) - redis.call('ZCARD', KEYS[1]), tonumber(ARGV[3]))
while #ids < wanted do
  local first = redis.call('ZRANGE', '${KEYS.active}', 0, 0, 'WITHSCORES')
  local tenant = first[1]
  if not tenant then break end
  local own = settings(tenant)
  local backlog = '${PREFIXES.backlog}' .. tenant
  local inflight = tonumber(redis.call('HGET', '${KEYS.inflight}', tenant) or '0')
  local head = {}
  if own.maxRunning == 0 or inflight < own.maxRunning then head = redis.call('ZPOPMIN', backlog) end
  if not head[1] then
    -- Nothing waits, or it has all that it may: a submission or an end brings it back.
    redis.call('ZREM', '${KEYS.active}', tenant)
    redis.call('HSET', '${KEYS.times}', tenant, first[2])
  else
    redis.call('DECR', '${KEYS.backlogs}')
    redis.call('HINCRBY', '${KEYS.inflight}', tenant, 1)
    redis.call('HSET', '${PREFIXES.run}' .. head[1], 'counted', '1')
    redis.call('ZADD', KEYS[1], ARGV[1], head[1])
    redis.call('SET', '${KEYS.clock}', first[2])
    redis.call('ZADD', '${KEYS.active}', string.format('%.17g', tonumber(first[2]) + 1 / own.weight), tenant)
    ids[#ids + 1] = head[1]
  end
end
return ids
`,
);

/**
 * A node takes a run. The attempt number that it gets is the fencing token: whoever holds a smaller one is late. A run
 * that is claimed while it runs has lost what ran it: that is a death. KEYS: run, dispatched, running. ARGV: id, node,
 * cell, now, deaths after which it is given up. Returns {verdict, attempt, submitted, deaths, request, batch, trace};
 * verdict is run, cancel, poison, done or missing.
 */
export const CLAIM = new Script(
  'sandpiperClaim',
  3,
  `
redis.call('ZREM', KEYS[2], ARGV[1])
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return {'missing'} end
if state == 'done' then return {'done'} end
local deaths
if state == 'running' then
  deaths = redis.call('HINCRBY', KEYS[1], 'deaths', 1)
else
  deaths = tonumber(redis.call('HGET', KEYS[1], 'deaths') or '0')
end
local attempt = redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('HSET', KEYS[1], 'state', 'running', 'node', ARGV[2], 'cell', ARGV[3])
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
local verdict = 'run'
if redis.call('HGET', KEYS[1], 'cancel') then
  verdict = 'cancel'
elseif deaths >= tonumber(ARGV[5]) then
  verdict = 'poison'
end
local rest = redis.call('HMGET', KEYS[1], 'submitted', 'request', 'batch', 'trace')
return {verdict, attempt, tonumber(rest[1]), deaths, rest[2], rest[3], rest[4]}
`,
);

/**
 * The run goes back to the queue. KEYS: run, running. ARGV: attempt, id, '1' when what ran it died. Returns 1 when the
 * attempt was the current one.
 */
export const RELEASE = new Script(
  'sandpiperRelease',
  2,
  `
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then return 0 end
if redis.call('HGET', KEYS[1], 'attempt') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'state', 'queued')
redis.call('HDEL', KEYS[1], 'node', 'cell')
redis.call('ZREM', KEYS[2], ARGV[2])
if ARGV[3] == '1' then redis.call('HINCRBY', KEYS[1], 'deaths', 1) end
return 1
`,
);

/**
 * A run ends, exactly once. Who may end it: the current attempt; a cancel, while no node has it ('queued'). Counters of
 * the batch and the tenant move in the same step, so they never disagree with the runs. It works while Redis has no
 * memory left to give: a result that is in hand is not to be lost. KEYS: run, batch (any key of ours when there is
 * none). ARGV: attempt, result, status, seconds, id, batch id or '-', now, index in the batch, ended runs that are kept
 * at most, '1' for the list of the dead. Returns accepted, done, stale or missing.
 */
export const FINISH = new Script(
  'sandpiperFinish',
  2,
  `#!lua flags=allow-oom
${ACTIVATE}${FORGET_OLDEST}
local id = ARGV[5]
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return 'missing' end
if state == 'done' then return 'done' end
if ARGV[1] == 'queued' then
  if state ~= 'queued' then return 'stale' end
elseif redis.call('HGET', KEYS[1], 'attempt') ~= ARGV[1] then
  return 'stale'
end
local run = redis.call('HMGET', KEYS[1], 'tenant', 'engine', 'counted', 'callback', 'live')
local tenant = run[1]
redis.call('HSET', KEYS[1], 'state', 'done', 'result', ARGV[2])
redis.call('HDEL', KEYS[1], 'node', 'cell', 'counted')
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('ZREM', '${KEYS.dispatched}', id)
redis.call('ZREM', '${KEYS.running}', id)
if run[3] then
  if redis.call('HINCRBY', '${KEYS.inflight}', tenant, -1) <= 0 then redis.call('HDEL', '${KEYS.inflight}', tenant) end
  if redis.call('EXISTS', '${PREFIXES.backlog}' .. tenant) == 1 then activate(tenant) end
elseif redis.call('ZREM', '${PREFIXES.backlog}' .. tenant, id) == 1 then
  redis.call('DECR', '${KEYS.backlogs}')
end
if ARGV[10] == '1' then
  redis.call('ZADD', '${KEYS.dead}', ARGV[7], id)
else
  redis.call('HDEL', KEYS[1], 'request')
end
redis.call('HINCRBY', '${KEYS.finished}', ARGV[3] .. '|' .. run[2], 1)
if run[4] and run[4] ~= '' then redis.call('ZADD', '${KEYS.callbacks}', ARGV[7], id) end
if run[5] then
  local live = '${PREFIXES.live}' .. id
  for _, key in ipairs({live, live .. ':out', live .. ':in'}) do redis.call('EXPIRE', key, ${LIVE_KEPT_SECONDS}) end
end
local batchDone = '0'
if ARGV[6] ~= '-' and redis.call('EXISTS', KEYS[2]) == 1 then
  local done = redis.call('HINCRBY', KEYS[2], 'done', 1)
  redis.call('HINCRBY', KEYS[2], 'status:' .. ARGV[3], 1)
  redis.call('RPUSH', KEYS[2] .. ':ended', ARGV[8])
  if done == tonumber(redis.call('HGET', KEYS[2], 'total')) then
    batchDone = '1'
    redis.call('EXPIRE', KEYS[2], ARGV[4])
    redis.call('EXPIRE', KEYS[2] .. ':ended', ARGV[4])
  end
end
redis.call('ZADD', '${KEYS.ended}', ARGV[7], id)
local expired = string.format('%.0f', tonumber(ARGV[7]) - 1000 * tonumber(ARGV[4]))
redis.call('ZREMRANGEBYSCORE', '${KEYS.ended}', '-inf', expired)
redis.call('ZREMRANGEBYSCORE', '${KEYS.dead}', '-inf', expired)
forget_oldest(tonumber(ARGV[9]))
redis.call('PUBLISH', '${EVENTS_CHANNEL}', id .. ' ' .. ARGV[6] .. ' ' .. batchDone)
return 'accepted'
`,
);

/** Marks a run for cancelling, and tells the node that runs it. KEYS: run. ARGV: id. Returns its state, or false. */
export const MARK_CANCEL = new Script(
  'sandpiperMarkCancel',
  1,
  `
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'done' then redis.call('HSET', KEYS[1], 'cancel', '1') end
if state == 'running' then redis.call('PUBLISH', '${CANCEL_CHANNEL}', ARGV[1]) end
return state
`,
);

/**
 * Runs that were given to the queue, or claimed, long ago and of which nothing was heard: they are to be looked at, and
 * not again at once. KEYS: dispatched or running. ARGV: now, older than, how many. Returns ids.
 */
export const TAKE_SILENT = new Script(
  'sandpiperTakeSilent',
  1,
  `
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do redis.call('ZADD', KEYS[1], ARGV[1], id) end
return ids
`,
);
