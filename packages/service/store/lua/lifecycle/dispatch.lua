-- Hands runs to the queue, one at a time from the tenant whose virtual time is least. Each run moves the time of its
-- tenant on by one part of the tenant's weight: start-time fair queueing (Goyal et al. 1996) with runs of one unit.
--
-- KEYS: dispatched
-- ARGV: how many unclaimed runs may be with the queue, how many to take at most
-- Reply: ids; the caller adds them to the queue
-- @include decimal
-- @include now
-- @include settings

local dispatched_key = unpack(KEYS)
local window, most = unpack(ARGV)

local ids = {}
local wanted = math.min(tonumber(window) - redis.call('ZCARD', dispatched_key), tonumber(most))
local known = {}
local clock
local gone = 0
while #ids < wanted and gone < wanted do
  local tenant, virtual_time = unpack(redis.call('ZRANGE', KEY.active, 0, 0, 'WITHSCORES'))
  if not tenant then break end
  local own = known[tenant]
  if not own then
    own = settings(tenant)
    own.inflight = tonumber(redis.call('HGET', KEY.inflight, tenant) or '0')
    own.taken = 0
    known[tenant] = own
  end
  local id
  if own.maxRunning == 0 or own.inflight + own.taken < own.maxRunning then
    id = unpack(redis.call('ZPOPMIN', PREFIX.backlog .. tenant))
  end
  if not id then
    -- The tenant has no backlog, or runs as many as it may: a submission or an end activates it again.
    redis.call('ZREM', KEY.active, tenant)
    redis.call('HSET', KEY.times, tenant, virtual_time)
  elseif redis.call('HGET', PREFIX.run .. id, 'state') ~= 'queued' then
    -- The run was cancelled or purged before its batch was whole.
    gone = gone + 1
  else
    own.taken = own.taken + 1
    clock = virtual_time
    redis.call('HSET', PREFIX.run .. id, 'counted', '1')
    redis.call('ZADD', dispatched_key, decimal(now()), id)
    redis.call('ZADD', KEY.active, string.format('%.17g', tonumber(virtual_time) + 1 / own.weight), tenant)
    ids[#ids + 1] = id
  end
end
if #ids + gone > 0 then redis.call('DECRBY', KEY.backlogs, #ids + gone) end
if clock then redis.call('SET', KEY.clock, clock) end
for tenant, own in pairs(known) do
  if own.taken > 0 then redis.call('HINCRBY', KEY.inflight, tenant, own.taken) end
end
return ids
