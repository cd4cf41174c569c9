#!lua flags=allow-oom
-- Gives up the lease of the leading scheduler, so that another one leads at once.
--
-- KEYS: leader
-- ARGV: name of the scheduler
-- Reply: none

local leader_key = unpack(KEYS)
local name = unpack(ARGV)

if redis.call('GET', leader_key) == name then redis.call('DEL', leader_key) end
