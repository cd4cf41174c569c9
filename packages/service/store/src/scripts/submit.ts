import { KEYS, PREFIXES } from '../keys.js';
import { Script } from '../script.js';
import { BYTES, OVERHEAD } from './bytes.js';
import { FORGET } from './forget.js';
import { ACTIVATE, NOW, PLACES, ROOM, SETTINGS } from './lua.js';

/**
 * Submits a run: idempotency key, room, the run and its place in the backlog in one atomic step. A key whose
 * run is gone counts as new. KEYS: run, idempotency key (any key of ours when there is none). ARGV: id,
 * tenant, priority, request, engine, limits, schema, has key ('1' or '0'), fingerprint, callback, trace, '1'
 * for a live run, then the bounds of ROOM. Returns {verdict, detail}: accepted, same or different with the
 * id; or what ROOM returns.
 */
export const SUBMIT_RUN = new Script(
  'sandpiperSubmitRun',
  2,
  `${PLACES}${ACTIVATE}${SETTINGS}${BYTES}${ROOM}${NOW}
local key = ''
if ARGV[8] == '1' then
  key = KEYS[2]
  local earlier = redis.call('GET', key)
  if earlier then
    local id, print = string.match(earlier, '^(%S+) (%S+)$')
    if redis.call('EXISTS', '${PREFIXES.run}' .. id) == 1 then
      return {print == ARGV[9] and 'same' or 'different', id}
    end
  end
end
local size = ${OVERHEAD.run} + held(#ARGV[4]) + #ARGV[10] + #ARGV[11] + key_bytes(key)
if ARGV[12] == '1' then size = size + ${OVERHEAD.live} end
local full = room(ARGV[2], 1, size, {unpack(ARGV, 13, 16)})
if full then return full end
if key ~= '' then redis.call('SET', key, ARGV[1] .. ' ' .. ARGV[9]) end
redis.call('HSET', KEYS[1], 'state', 'queued', 'attempt', '0', 'deaths', '0', 'batch', '', 'tenant', ARGV[2],
  'priority', ARGV[3], 'request', ARGV[4], 'engine', ARGV[5], 'limits', ARGV[6], 'schema', ARGV[7],
  'submitted', text(now()), 'callback', ARGV[10], 'trace', ARGV[11], 'size', size)
if key ~= '' then redis.call('HSET', KEYS[1], 'idem', key) end
if ARGV[12] == '1' then redis.call('HSET', KEYS[1], 'live', '1') end
redis.call('ZADD', '${PREFIXES.backlog}' .. ARGV[2], places(1)(ARGV[3]), ARGV[1])
redis.call('INCR', '${KEYS.backlogs}')
count('${KEYS.queuedBytes}', ARGV[2], size)
activate(ARGV[2])
return {'accepted', ARGV[1]}
`,
);

/** Maximum number of runs that one step removes, of an incomplete or a purged batch. */
export const REMOVED_AT_ONCE = 250;

/**
 * Begins to take a batch in. KEYS: batch, idempotency key. ARGV: id, tenant, name, has key, fingerprint (''
 * when it is known at the end only), schema, runs if they are known or '0', name of this attempt, then the
 * bounds of ROOM. Returns {verdict, detail}: ours with the id (a cut-off attempt is taken up with its id),
 * again when what that attempt staged is not all gone yet, same or different with the id of one that was
 * accepted, sealed with its id and fingerprint; or what ROOM returns.
 */
export const BEGIN_BATCH = new Script(
  'sandpiperBeginBatch',
  2,
  `${SETTINGS}${FORGET}${ROOM}
local id, key = ARGV[1], ''
if ARGV[4] == '1' then
  key = KEYS[2]
  local earlier = redis.call('GET', key)
  local before, print = string.match(earlier or '', '^(%S+) (%S*)$')
  local total = before and redis.call('HGET', '${PREFIXES.batch}' .. before, 'total')
  if total then
    id = before
    if total ~= '' then
      if ARGV[5] == '' then return {'sealed', id, print} end
      return {print == ARGV[5] and 'same' or 'different', id}
    end
  end
end
local batch = '${PREFIXES.batch}' .. id
local staged = batch .. ':staged'
local before = tonumber(redis.call('HGET', batch, 'size') or '0')
local size = ${OVERHEAD.batch} + #ARGV[3] + key_bytes(key)
local full = room(ARGV[2], tonumber(ARGV[7]), size - before, {unpack(ARGV, 9, 12)})
if full then return full end
if key ~= '' then redis.call('SET', key, id .. ' ' .. ARGV[5]) end
redis.call('HSET', batch, 'tenant', ARGV[2], 'name', ARGV[3], 'total', '', 'done', '0', 'schema', ARGV[6],
  'submitted', text(now()), 'intake', ARGV[8], 'size', size, 'idem', key, 'staged', '0')
count('${KEYS.queuedBytes}', ARGV[2], size - before)
redis.call('ZADD', '${KEYS.staging}', text(now()), id)
for _, run in ipairs(redis.call('ZRANGE', staged, 0, ${REMOVED_AT_ONCE} - 1)) do
  discard_run(run)
  redis.call('ZREM', staged, run)
end
if redis.call('EXISTS', staged) == 1 then return {'again', id} end
redis.call('UNLINK', batch .. ':ended')
return {'ours', id}
`,
);

/**
 * Stages runs of a batch beside the backlog; none is dispatched before the batch is complete. Their bytes
 * count from now on. KEYS: batch. ARGV: id, tenant, schema, trace, name of this attempt, the bounds of ROOM,
 * then for each run: index, priority, request, engine, limits, callback. Returns {verdict}: ok; gone when the
 * batch is not there, whole already, or another attempt has begun it anew; or what ROOM returns of the bytes.
 */
export const STAGE_RUNS = new Script(
  'sandpiperStageRuns',
  1,
  `${PLACES}${SETTINGS}${BYTES}${ROOM}${NOW}
local batch = redis.call('HMGET', KEYS[1], 'total', 'intake', 'staged')
if batch[1] ~= '' or batch[2] ~= ARGV[5] then return {'gone'} end
local sizes, bytes = {}, 0
for i = 10, #ARGV, 6 do
  sizes[i] = ${OVERHEAD.run} + held(#ARGV[i + 2]) + #ARGV[i + 5] + #ARGV[4]
  bytes = bytes + sizes[i]
end
local full = room(ARGV[2], 0, bytes, {unpack(ARGV, 6, 9)}, tonumber(batch[3] or '0'))
if full then return full end
local place = places((#ARGV - 9) / 6)
local submitted = text(now())
for i = 10, #ARGV, 6 do
  local id = ARGV[1] .. '-' .. ARGV[i]
  redis.call('HSET', '${PREFIXES.run}' .. id, 'state', 'queued', 'attempt', '0', 'deaths', '0', 'batch', ARGV[1],
    'tenant', ARGV[2], 'priority', ARGV[i + 1], 'request', ARGV[i + 2], 'engine', ARGV[i + 3],
    'limits', ARGV[i + 4], 'schema', ARGV[3], 'submitted', submitted, 'callback', ARGV[i + 5], 'trace', ARGV[4], 'size', sizes[i])
  redis.call('ZADD', KEYS[1] .. ':staged', place(ARGV[i + 1]), id)
end
redis.call('HINCRBY', KEYS[1], 'staged', bytes)
count('${KEYS.queuedBytes}', ARGV[2], bytes)
return {'ok'}
`,
);

/**
 * The batch is whole: its runs go into the backlog, all or none. KEYS: batch, idempotency key. ARGV: id,
 * tenant, total, has key, fingerprint, name of this attempt, the bounds of ROOM. Returns {verdict, detail} as
 * SUBMIT_RUN; same or different when another attempt was faster; gone when it was swept or another began it
 * anew.
 */
export const SEAL_BATCH = new Script(
  'sandpiperSealBatch',
  2,
  `${ACTIVATE}${SETTINGS}${BYTES}${ROOM}
local total = redis.call('HGET', KEYS[1], 'total')
if not total then return {'gone', ARGV[1]} end
if total ~= '' then
  local print = string.match(redis.call('GET', KEYS[2]) or '', ' (%S*)$')
  return {(not print or print == ARGV[5]) and 'same' or 'different', ARGV[1]}
end
local staged = KEYS[1] .. ':staged'
if redis.call('HGET', KEYS[1], 'intake') ~= ARGV[6] then return {'gone', ARGV[1]} end
if redis.call('ZCARD', staged) ~= tonumber(ARGV[3]) then return {'gone', ARGV[1]} end
local size = ${OVERHEAD.batchRun} * tonumber(ARGV[3])
local full = room(ARGV[2], tonumber(ARGV[3]), size, {unpack(ARGV, 7, 10)})
if full then return full end
if ARGV[4] == '1' then redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. ARGV[5]) end
redis.call('HINCRBY', KEYS[1], 'size', size)
count('${KEYS.queuedBytes}', ARGV[2], size)
local backlog = '${PREFIXES.backlog}' .. ARGV[2]
local count = tonumber(ARGV[3])
if redis.call('ZCARD', backlog) < 4 * count then
  redis.call('ZUNIONSTORE', backlog, 2, backlog, staged)
else
  -- A union writes all of a long backlog anew.
  for from = 0, count - 1, 500 do
    local rows = redis.call('ZRANGE', staged, from, from + 499, 'WITHSCORES')
    local pairs = {}
    for i = 1, #rows, 2 do
      pairs[i] = rows[i + 1]
      pairs[i + 1] = rows[i]
    end
    redis.call('ZADD', backlog, unpack(pairs))
  end
end
redis.call('DEL', staged)
redis.call('INCRBY', '${KEYS.backlogs}', ARGV[3])
redis.call('HSET', KEYS[1], 'total', ARGV[3])
redis.call('HDEL', KEYS[1], 'staged')
redis.call('ZREM', '${KEYS.staging}', ARGV[1])
activate(ARGV[2])
return {'accepted', ARGV[1]}
`,
);

/**
 * Drops an incomplete batch, some runs at a time. KEYS: batch. ARGV: id. Returns how many runs
 * are left.
 */
export const DROP_BATCH = new Script(
  'sandpiperDropBatch',
  1,
  `#!lua flags=allow-oom
${FORGET}
local batch = redis.call('HMGET', KEYS[1], 'total', 'tenant', 'size', 'idem')
if batch[1] ~= '' then redis.call('ZREM', '${KEYS.staging}', ARGV[1]) return 0 end
local staged = KEYS[1] .. ':staged'
for _, id in ipairs(redis.call('ZRANGE', staged, 0, ${REMOVED_AT_ONCE} - 1)) do
  discard_run(id)
  redis.call('ZREM', staged, id)
end
local left = redis.call('ZCARD', staged)
if left == 0 then
  forget_key(batch[4], ARGV[1])
  redis.call('UNLINK', KEYS[1], KEYS[1] .. ':ended')
  redis.call('ZREM', '${KEYS.staging}', ARGV[1])
  count('${KEYS.queuedBytes}', batch[2], -tonumber(batch[3] or '0'))
end
return left
`,
);
