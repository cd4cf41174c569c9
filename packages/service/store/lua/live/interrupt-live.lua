#!lua flags=allow-oom
-- Ctrl-C for a live run that a node has.
--
-- KEYS: the run; its live hash; its input stream
-- ARGV: none
-- Reply: 1, or 0 when there is no such run

local run_key, live_key, in_key = unpack(KEYS)

local state, live = unpack(redis.call('HMGET', run_key, 'state', 'live'))
if state ~= 'running' or not live then return 0 end
redis.call('HINCRBY', live_key, 'interrupts', 1)
redis.call('PUBLISH', in_key, '')
return 1
