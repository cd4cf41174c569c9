-- The batch is whole: all of its runs go into the backlogs, or none.
--
-- KEYS: the batch; its idempotency key (any key of ours when it has none)
-- ARGV: id, tenant, number of runs, '1' if there is an idempotency key, fingerprint of the request, name of this
--   attempt, then the bounds of room()
-- Reply: {'accepted', id, then the nodes to wake}; {'same' or 'different', id} when another attempt was faster;
--   {'gone', id} when the batch was swept or another attempt has begun it anew; or what room() returns
-- @include bytes
-- @include enqueue
-- @include room
-- @include staged
-- @include wake

local batch_key, idempotency_key = unpack(KEYS)
local id, tenant, runs, has_key, fingerprint, intake = unpack(ARGV)
local bounds = {unpack(ARGV, 7, 10)}
local total = tonumber(runs)

local sealed_total = redis.call('HGET', batch_key, 'total')
if not sealed_total then return {'gone', id} end
if sealed_total ~= '' then
  local earlier = string.match(redis.call('GET', idempotency_key) or '', ' (%S*)$')
  return {(not earlier or earlier == fingerprint) and 'same' or 'different', id}
end
if redis.call('HGET', batch_key, 'intake') ~= intake then return {'gone', id} end
if staged_count(id) ~= total then return {'gone', id} end

local size = CONST.BATCH_RUN_BYTES * total
local full = room(tenant, total, size, bounds)
if full then return full end

if has_key == '1' then redis.call('SET', idempotency_key, id .. ' ' .. fingerprint) end
redis.call('HINCRBY', batch_key, 'size', size)
count(KEY.queuedBytes, tenant, size)
for _, runtime in ipairs(staged_runtimes(id)) do
  local staged, backlog = staged_key(id, runtime), line(tenant, runtime)
  local number = redis.call('ZCARD', staged)
  if redis.call('ZCARD', backlog) < 4 * number then
    redis.call('ZUNIONSTORE', backlog, 2, backlog, staged)
  else
    -- A union would write all of a long backlog anew.
    for from = 0, number - 1, 500 do
      local rows = redis.call('ZRANGE', staged, from, from + 499, 'WITHSCORES')
      local scored = {}
      for i = 1, #rows, 2 do
        scored[i] = rows[i + 1]
        scored[i + 1] = rows[i]
      end
      redis.call('ZADD', backlog, unpack(scored))
    end
  end
  redis.call('DEL', staged)
  redis.call('SADD', PREFIX.lines .. tenant, runtime)
  count(KEY.waiting, tenant, number)
  count_demand(runtime, number)
  activate(tenant, runtime)
  wake(runtime, math.min(number, CONST.WOKEN_AT_ONCE))
end
redis.call('HSET', batch_key, 'total', runs)
redis.call('HDEL', batch_key, 'staged', 'runtimes')
redis.call('ZREM', KEY.staging, id)
return {'accepted', id, unpack(woken)}
