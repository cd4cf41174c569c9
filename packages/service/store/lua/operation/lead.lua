#!lua flags=allow-oom
-- Takes or renews the lease of the leading scheduler.
--
-- KEYS: leader
-- ARGV: name of the scheduler, lease (milliseconds)
-- Reply: 1 when the caller leads, 0 when another scheduler does

local leader_key = unpack(KEYS)
local name, lease_ms = unpack(ARGV)

local leader = redis.call('GET', leader_key)
if leader and leader ~= name then return 0 end
redis.call('SET', leader_key, name, 'PX', lease_ms)
return 1
