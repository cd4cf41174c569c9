import { KEYS, PREFIXES } from '../keys.js';
import { Script } from '../script.js';
import { ACTIVATE, NOW, PLACES, ROOM, SETTINGS } from './lua.js';

/**
 * Takes a run in: idempotency key, room, the run and its place in the backlog in one step, so that there is nothing half
 * done. KEYS: run, idempotency key (any key of ours when there is none). ARGV: id, tenant, priority, request, engine,
 * limits, schema, has key ('1' or '0'), fingerprint, most in all backlogs, seconds that the key is kept, callback,
 * trace, '1' for a live run. Returns {verdict, detail}: accepted, same or different with the id; queue-full or tenant-full
 * with a count.
 */
export const SUBMIT_RUN = new Script(
  'sandpiperSubmitRun',
  2,
  `${PLACES}${ACTIVATE}${SETTINGS}${ROOM}${NOW}
if ARGV[8] == '1' then
  local earlier = redis.call('GET', KEYS[2])
  if earlier then
    local id, print = string.match(earlier, '^(%S+) (%S+)$')
    return {print == ARGV[9] and 'same' or 'different', id}
  end
end
local full = room(ARGV[2], 1, ARGV[10])
if full then return full end
if ARGV[8] == '1' then redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. ARGV[9], 'EX', ARGV[11]) end
redis.call('HSET', KEYS[1], 'state', 'queued', 'attempt', '0', 'deaths', '0', 'batch', '', 'tenant', ARGV[2],
  'priority', ARGV[3], 'request', ARGV[4], 'engine', ARGV[5], 'limits', ARGV[6], 'schema', ARGV[7],
  'submitted', text(now()), 'callback', ARGV[12], 'trace', ARGV[13])
if ARGV[14] == '1' then redis.call('HSET', KEYS[1], 'live', '1') end
redis.call('ZADD', '${PREFIXES.backlog}' .. ARGV[2], places(1)(ARGV[3]), ARGV[1])
redis.call('INCR', '${KEYS.backlogs}')
activate(ARGV[2])
return {'accepted', ARGV[1]}
`,
);

/**
 * Begins to take a batch in. KEYS: batch, idempotency key. ARGV: id, tenant, name, has key, fingerprint ('' when it is
 * known at the end only), seconds, schema, runs if they are known or '0', most in all backlogs, name of this attempt.
 * Returns {verdict, detail}: ours with the id (a cut-off attempt is taken up with its id), same or different with the id
 * of one that was accepted, sealed with its id and fingerprint, queue-full or tenant-full with a count.
 */
export const BEGIN_BATCH = new Script(
  'sandpiperBeginBatch',
  2,
  `${SETTINGS}${ROOM}${NOW}
local id = ARGV[1]
if ARGV[4] == '1' then
  local earlier = redis.call('GET', KEYS[2])
  if earlier then
    local print
    id, print = string.match(earlier, '^(%S+) (%S*)$')
    local total = redis.call('HGET', '${PREFIXES.batch}' .. id, 'total')
    if total and total ~= '' then
      if ARGV[5] == '' then return {'sealed', id, print} end
      return {print == ARGV[5] and 'same' or 'different', id}
    end
  end
end
local full = room(ARGV[2], tonumber(ARGV[8]), ARGV[9])
if full then return full end
if ARGV[4] == '1' then redis.call('SET', KEYS[2], id .. ' ' .. ARGV[5], 'EX', ARGV[6]) end
local batch = '${PREFIXES.batch}' .. id
redis.call('HSET', batch, 'tenant', ARGV[2], 'name', ARGV[3], 'total', '', 'done', '0', 'schema', ARGV[7],
  'submitted', text(now()), 'intake', ARGV[10])
for _, run in ipairs(redis.call('ZRANGE', batch .. ':staged', 0, -1)) do
  redis.call('DEL', '${PREFIXES.run}' .. run)
end
redis.call('DEL', batch .. ':staged')
redis.call('ZADD', '${KEYS.staging}', text(now()), id)
return {'ours', id}
`,
);

/**
 * Puts runs of a batch beside it; nobody is served them before it is whole. KEYS: batch. ARGV: id, tenant, schema,
 * trace, name of this attempt, then for each run: index, priority, request, engine, limits, callback. Returns 0 when the
 * batch is not there, whole already, or another attempt has begun it anew.
 */
export const STAGE_RUNS = new Script(
  'sandpiperStageRuns',
  1,
  `${PLACES}${NOW}
local batch = redis.call('HMGET', KEYS[1], 'total', 'intake')
if batch[1] ~= '' or batch[2] ~= ARGV[5] then return 0 end
local place, time = places((#ARGV - 5) / 6), text(now())
for i = 6, #ARGV, 6 do
  local id = ARGV[1] .. '-' .. ARGV[i]
  redis.call('HSET', '${PREFIXES.run}' .. id, 'state', 'queued', 'attempt', '0', 'deaths', '0', 'batch', ARGV[1],
    'tenant', ARGV[2], 'priority', ARGV[i + 1], 'request', ARGV[i + 2], 'engine', ARGV[i + 3],
    'limits', ARGV[i + 4], 'schema', ARGV[3], 'submitted', time, 'callback', ARGV[i + 5], 'trace', ARGV[4])
  redis.call('ZADD', KEYS[1] .. ':staged', place(ARGV[i + 1]), id)
end
return 1
`,
);

/**
 * The batch is whole: its runs go into the backlog, all or none. KEYS: batch, idempotency key. ARGV: id, tenant, total,
 * has key, fingerprint, seconds, most in all backlogs, name of this attempt. Returns {verdict, detail} as
 * SUBMIT_RUN; same or different when another attempt was faster; gone when it was swept or another began it anew.
 */
export const SEAL_BATCH = new Script(
  'sandpiperSealBatch',
  2,
  `${ACTIVATE}${SETTINGS}${ROOM}
local total = redis.call('HGET', KEYS[1], 'total')
if not total then return {'gone', ARGV[1]} end
if total ~= '' then
  local print = string.match(redis.call('GET', KEYS[2]) or '', ' (%S*)$')
  return {(not print or print == ARGV[5]) and 'same' or 'different', ARGV[1]}
end
local staged = KEYS[1] .. ':staged'
if redis.call('HGET', KEYS[1], 'intake') ~= ARGV[8] then return {'gone', ARGV[1]} end
if redis.call('ZCARD', staged) ~= tonumber(ARGV[3]) then return {'gone', ARGV[1]} end
local full = room(ARGV[2], tonumber(ARGV[3]), ARGV[7])
if full then return full end
if ARGV[4] == '1' then redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. ARGV[5], 'EX', ARGV[6]) end
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
redis.call('ZREM', '${KEYS.staging}', ARGV[1])
activate(ARGV[2])
return {'accepted', ARGV[1]}
`,
);

/**
 * Drops a batch that never became whole. KEYS: batch. ARGV: id, runs to remove at most. Returns how many runs are left.
 */
export const DROP_BATCH = new Script(
  'sandpiperDropBatch',
  1,
  `
if redis.call('HGET', KEYS[1], 'total') ~= '' then redis.call('ZREM', '${KEYS.staging}', ARGV[1]) return 0 end
local staged = KEYS[1] .. ':staged'
for _, id in ipairs(redis.call('ZRANGE', staged, 0, tonumber(ARGV[2]) - 1)) do
  redis.call('DEL', '${PREFIXES.run}' .. id)
  redis.call('ZREM', staged, id)
end
local left = redis.call('ZCARD', staged)
if left == 0 then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', '${KEYS.staging}', ARGV[1])
end
return left
`,
);
