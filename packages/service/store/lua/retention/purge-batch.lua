#!lua flags=allow-oom
-- Removes a batch with its runs, some at a time. Clients no longer see it after the first step, and the sweep finishes
-- what a caller left undone.
--
-- KEYS: the batch
-- ARGV: id
-- Reply: gone, more (call again), later (some of its runs still run, and it leaves with the last of them) or missing
-- @include decimal
-- @include now
-- @include purge

local batch_key = unpack(KEYS)
local id = unpack(ARGV)

local stored_total, purge, idempotency_key, purged =
  unpack(redis.call('HMGET', batch_key, 'total', 'purge', 'idem', 'purged'))
local total = tonumber(stored_total or '')
if not total then return 'missing' end
local time = now()
if not purge then
  forget_key(idempotency_key, id)
  redis.call('HSET', batch_key, 'purge', '1')
  redis.call('ZADD', KEY.purging, decimal(time), id)
end
local from = tonumber(purged or '0')
local upto = math.min(from + CONST.REMOVED_AT_ONCE, total)
for index = from, upto - 1 do purge_run(id .. '-' .. index, time) end
-- A run that was handed back since an earlier call was its last one.
if redis.call('EXISTS', batch_key) == 0 then return 'gone' end
if upto < total then
  redis.call('HSET', batch_key, 'purged', upto)
  return 'more'
end
if tonumber(redis.call('HGET', batch_key, 'done')) == total then
  forget_batch(id)
  return 'gone'
end
-- end_in_batch() removes the batch with the end of its last run.
redis.call('HSET', batch_key, 'purge', 'last')
redis.call('ZREM', KEY.purging, id)
return 'later'
