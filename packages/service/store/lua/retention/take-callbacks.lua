-- Leases callbacks that are due, the longest due first.
--
-- KEYS: callbacks
-- ARGV: lease (milliseconds), how many to take at most
-- Reply: ids of the runs
-- @include decimal
-- @include now

local callbacks_key = unpack(KEYS)
local lease_ms, most = unpack(ARGV)

local time = now()
local ids = redis.call('ZRANGEBYSCORE', callbacks_key, '-inf', decimal(time), 'LIMIT', 0, most)
for _, id in ipairs(ids) do redis.call('ZADD', callbacks_key, decimal(time + lease_ms), id) end
return ids
