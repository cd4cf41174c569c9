#!lua flags=allow-oom
-- A node has left in order: it takes no runs, and those that it had have ended or went back.
--
-- KEYS: nodes, cordons, leases, taken
-- ARGV: name of the node, its process, channel of the announcement, then its runtimes
-- Reply: none

local nodes_key, cordons_key, leases_key, taken_key = unpack(KEYS)
local name, instance, channel = unpack(ARGV)

redis.call('HDEL', nodes_key, name)
redis.call('HDEL', cordons_key, name)
redis.call('HDEL', taken_key, instance)
for _, runtime in ipairs({unpack(ARGV, 4)}) do redis.call('SREM', PREFIX.hungry .. runtime, name) end
-- What it could not hand back is lost with its lease.
if redis.call('EXISTS', PREFIX.held .. instance) == 0 then
  redis.call('ZREM', leases_key, instance)
else
  redis.call('ZADD', leases_key, '0', instance)
end
redis.call('PUBLISH', channel, CONST.NODES_CHANGED)
