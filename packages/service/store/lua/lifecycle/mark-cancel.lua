#!lua flags=allow-oom
-- Marks a run for cancellation, and tells the node that runs it.
--
-- KEYS: the run
-- ARGV: id
-- Reply: the state of the run, or false when it is unknown

local run_key = unpack(KEYS)
local id = unpack(ARGV)

local state = redis.call('HGET', run_key, 'state')
if state and state ~= 'done' then redis.call('HSET', run_key, 'cancel', '1') end
if state == 'running' then redis.call('PUBLISH', CONST.CANCEL_CHANNEL, id) end
return state
