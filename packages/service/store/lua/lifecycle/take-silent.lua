-- Takes runs that went to the queue, or to a node, long ago and have been silent since. The caller looks at them; their
-- time is set to now, so the next call returns others.
--
-- KEYS: dispatched or running
-- ARGV: how long they have been silent (milliseconds), how many to take at most
-- Reply: ids
-- @include decimal
-- @include now

local list_key = unpack(KEYS)
local silent_ms, most = unpack(ARGV)

local time = now()
local ids = redis.call('ZRANGEBYSCORE', list_key, '-inf', decimal(time - silent_ms), 'LIMIT', 0, most)
for _, id in ipairs(ids) do redis.call('ZADD', list_key, decimal(time), id) end
return ids
