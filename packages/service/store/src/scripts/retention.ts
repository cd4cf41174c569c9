import { ALL_TENANTS, CANCEL_CHANNEL, KEYS, PREFIXES } from '../keys.js';
import { Script } from '../script.js';
import { OVERHEAD } from './bytes.js';
import { BATCH_MEMBER, CALLBACK_RANK_MS, END, FORGET } from './forget.js';
import { LIVE_KEPT_SECONDS } from './live.js';
import { SETTINGS } from './lua.js';
import { REMOVED_AT_ONCE } from './submit.js';

/** Interval of checking a tenant, milliseconds, and the number of tenants per step. */
const LOOK_AGAIN_MS = 200;
const TENANTS_AT_ONCE = 100;

/**
 * The newest records of a tenant, a run and its batch, are kept whatever their size, so that a result above
 * the bound can still be read. The bound of all tenants has no exception.
 */
const ALWAYS_KEPT = 2;

/**
 * Removes what has been kept long enough, what is above a tenant's own bound, and what is above the bounds of
 * all: there the tenant pays that holds the largest part of what it may. The oldest of a tenant leave first.
 * It works while Redis has no memory left to give, and needs no run to end. KEYS: keeping. ARGV: milliseconds
 * that records are kept, records and bytes of all, the share in records and bytes of a tenant that has no
 * limit of its own. Returns how many were removed, and 1 when there may be more to remove.
 */
export const SWEEP = new Script(
  'sandpiperSweep',
  1,
  `#!lua flags=allow-oom
${SETTINGS}${FORGET}
local time = now()
local left = ${REMOVED_AT_ONCE}
local removed = {expired = 0, ['tenant-bound'] = 0, ceiling = 0, ['callback-due'] = 0}
local function remove(tenant, member, why)
  local batch = string.match(member, '^${BATCH_MEMBER}(.+)$')
  if not batch and why ~= 'expired' and redis.call('HEXISTS', '${PREFIXES.run}' .. member, 'due') == 1 then
    removed['callback-due'] = removed['callback-due'] + 1
  end
  if batch then forget_batch(batch) else forget_run(member) end
  -- Whatever became of the record: it is not to be looked at for ever.
  unlist(tenant, member)
  removed[why] = removed[why] + 1
  left = left - 1
end
local function bounds_of(tenant)
  local own = settings(tenant).maxKeptBytes
  return own > 0 and own or tonumber(ARGV[5]), tonumber(ARGV[4])
end
local function look(tenant)
  local ended = '${PREFIXES.ended}' .. tenant
  local old = string.format('%.0f', time - tonumber(ARGV[1]))
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', ended, '-inf', old, 'LIMIT', 0, left)) do
    remove(tenant, member, 'expired')
  end
  local most_bytes, most_records = bounds_of(tenant)
  local records = redis.call('ZCARD', ended)
  while left > 0 and records > ${ALWAYS_KEPT}
    and (records > most_records or counted('${KEYS.keptBytes}', tenant) > most_bytes) do
    remove(tenant, redis.call('ZRANGE', ended, 0, 0)[1], 'tenant-bound')
    records = records - 1
  end
  if redis.call('EXISTS', ended) == 0 then
    redis.call('ZREM', '${KEYS.keeping}', tenant)
  elseif left > 0 then
    redis.call('ZADD', '${KEYS.keeping}', text(time), tenant)
  end
end
local due = string.format('%.0f', time - ${LOOK_AGAIN_MS})
local tenants = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', due, 'LIMIT', 0, ${TENANTS_AT_ONCE})
for _, tenant in ipairs(tenants) do
  if left > 0 then look(tenant) end
end

local function part_of(counter, bound, tenant)
  local bytes, records = bounds_of(tenant)
  return counted(counter, tenant) / math.max(1, bound == 'bytes' and bytes or records)
end
-- The tenant with the largest part of what it may keep, and the part of the one after it.
local function first_to_pay(counter, bound)
  local most, next_most, payer = 0, 0, nil
  for _, tenant in ipairs(redis.call('HKEYS', counter)) do
    local part = tenant == '${ALL_TENANTS}' and 0 or part_of(counter, bound, tenant)
    if part > 0 and redis.call('EXISTS', '${PREFIXES.ended}' .. tenant) == 1 then
      if part > most then
        most, next_most, payer = part, most, tenant
      else
        next_most = math.max(next_most, part)
      end
    end
  end
  return payer, next_most
end
local function hold(counter, bound, most)
  while left > 0 and counted(counter, '${ALL_TENANTS}') > most do
    local tenant, next_most = first_to_pay(counter, bound)
    if not tenant then return end
    repeat
      remove(tenant, redis.call('ZRANGE', '${PREFIXES.ended}' .. tenant, 0, 0)[1], 'ceiling')
    until left <= 0 or counted(counter, '${ALL_TENANTS}') <= most
      or part_of(counter, bound, tenant) <= next_most
      or redis.call('EXISTS', '${PREFIXES.ended}' .. tenant) == 0
  end
end
hold('${KEYS.keptBytes}', 'bytes', tonumber(ARGV[3]))
hold('${KEYS.kept}', 'records', tonumber(ARGV[2]))

-- Streams of live runs that ended a while ago; the result holds all output too.
local past = string.format('%.0f', time - ${LIVE_KEPT_SECONDS * 1000})
local streams = redis.call('ZRANGEBYSCORE', '${KEYS.liveEnded}', '-inf', past, 'LIMIT', 0, ${REMOVED_AT_ONCE})
for _, id in ipairs(streams) do
  local run = '${PREFIXES.run}' .. id
  local facts = redis.call('HMGET', run, 'tenant', 'size')
  local live = redis.call('HMGET', '${PREFIXES.live}' .. id, 'in', 'out')
  forget_live(id)
  if facts[1] then
    local bytes = ${OVERHEAD.live} + tonumber(live[1] or '0') + tonumber(live[2] or '0')
    redis.call('HSET', run, 'size', string.format('%.0f', tonumber(facts[2] or '0') - bytes))
    redis.call('HDEL', run, 'live')
    count('${KEYS.keptBytes}', facts[1], -bytes)
  end
end

local all = 0
for why, number in pairs(removed) do
  if number > 0 then redis.call('HINCRBY', '${KEYS.removed}', why, number) end
  if why ~= 'callback-due' then all = all + number end
end
local more = left <= 0 or #tenants == ${TENANTS_AT_ONCE} or #streams == ${REMOVED_AT_ONCE}
return {all, more and 1 or 0}
`,
);

/**
 * `purge_run(id, time)`: a run leaves, whatever state it is in. One that runs is cancelled and leaves when it
 * has ended. Its idempotency key goes at once. Returns gone, later or missing.
 */
const PURGE = `${END}
local function purge_run(id, time)
  local key = '${PREFIXES.run}' .. id
  local run = redis.call('HMGET', key, 'state', 'tenant', 'engine', 'counted', 'batch', 'idem', 'purge')
  local state, tenant = run[1], run[2]
  if not state then return 'missing' end
  if state == 'done' then
    forget_run(id)
    return 'gone'
  end
  if state ~= 'queued' then
    if run[7] then return 'missing' end
    redis.call('HSET', key, 'purge', '1', 'cancel', '1')
    forget_key(run[6], id)
    redis.call('PUBLISH', '${CANCEL_CHANNEL}', id)
    return 'later'
  end
  leave_queue(id, tenant, state, run[4])
  redis.call('HINCRBY', '${KEYS.finished}', 'cancelled|' .. run[3], 1)
  discard_run(id)
  local batch_done = run[5] ~= '' and end_in_batch(run[5], 'cancelled', string.sub(id, #run[5] + 2), time)
  tell_end(id, run[5], batch_done, false)
  return 'gone'
end
`;

/**
 * Removes a run. KEYS: run. ARGV: id. Returns gone, later (it runs; it is removed when it has ended) or
 * missing.
 */
export const PURGE_RUN = new Script(
  'sandpiperPurgeRun',
  1,
  `#!lua flags=allow-oom
${PURGE}
return purge_run(ARGV[1], now())
`,
);

/**
 * Removes a batch, some runs at a time: it is unknown from the first step on, and the sweep continues if the
 * caller does not. KEYS: batch. ARGV: id. Returns gone, more (call again), later (some of its runs still run;
 * it leaves with the last) or missing.
 */
export const PURGE_BATCH = new Script(
  'sandpiperPurgeBatch',
  1,
  `#!lua flags=allow-oom
${PURGE}
local batch = redis.call('HMGET', KEYS[1], 'total', 'done', 'purge', 'idem', 'purged')
local total = tonumber(batch[1] or '')
if not total then return 'missing' end
local time = now()
if not batch[3] then
  forget_key(batch[4], ARGV[1])
  redis.call('HSET', KEYS[1], 'purge', '1')
  redis.call('ZADD', '${KEYS.purging}', text(time), ARGV[1])
end
local from = tonumber(batch[5] or '0')
local upto = math.min(from + ${REMOVED_AT_ONCE}, total)
for index = from, upto - 1 do purge_run(ARGV[1] .. '-' .. index, time) end
if upto < total then
  redis.call('HSET', KEYS[1], 'purged', upto)
  return 'more'
end
if tonumber(redis.call('HGET', KEYS[1], 'done')) == total then
  forget_batch(ARGV[1])
  return 'gone'
end
-- The last run to end takes the batch with it.
redis.call('HSET', KEYS[1], 'purge', 'last')
redis.call('ZREM', '${KEYS.purging}', ARGV[1])
return 'later'
`,
);

/**
 * The callback of an ended run was sent or given up: it is kept no longer than others. KEYS: run. ARGV: id.
 */
export const SETTLE_CALLBACK = new Script(
  'sandpiperSettleCallback',
  1,
  `#!lua flags=allow-oom
if redis.call('HDEL', KEYS[1], 'due') == 0 then return 0 end
local tenant = redis.call('HGET', KEYS[1], 'tenant')
redis.call('ZREM', '${KEYS.callbacks}', ARGV[1])
redis.call('ZADD', '${PREFIXES.ended}' .. tenant, 'XX', 'INCR', '-${CALLBACK_RANK_MS}', ARGV[1])
return 1
`,
);

/**
 * Takes a run off the list of the dead; its result stays. KEYS: run. ARGV: id. Returns 1 when it was on it.
 */
export const DISMISS_DEAD = new Script(
  'sandpiperDismissDead',
  1,
  `#!lua flags=allow-oom
${FORGET}
local run = redis.call('HMGET', KEYS[1], 'tenant', 'dead', 'size')
if not run[2] then return 0 end
local bytes = held(redis.call('HSTRLEN', KEYS[1], 'request'))
redis.call('HDEL', KEYS[1], 'request', 'dead', 'message')
redis.call('ZREM', '${KEYS.dead}', ARGV[1])
redis.call('ZREM', '${PREFIXES.dead}' .. run[1], ARGV[1])
redis.call('HSET', KEYS[1], 'size', string.format('%.0f', tonumber(run[3] or '0') - bytes))
count('${KEYS.keptBytes}', run[1], -bytes)
return 1
`,
);

/** A new run was made of a dead one. KEYS: run. ARGV: id of the new one. */
export const MARK_REQUEUED = new Script(
  'sandpiperMarkRequeued',
  1,
  `
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'requeued', ARGV[1]) end
`,
);
