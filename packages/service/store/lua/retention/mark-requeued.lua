-- Notes that a dead run was submitted again.
--
-- KEYS: the dead run
-- ARGV: id of the new run
-- Reply: none

local run_key = unpack(KEYS)
local new_id = unpack(ARGV)

if redis.call('EXISTS', run_key) == 1 then redis.call('HSET', run_key, 'requeued', new_id) end
