#!lua flags=allow-oom
-- The callback of an ended run was sent or given up: from now on the run is kept no longer than others.
--
-- KEYS: the run
-- ARGV: id
-- Reply: 1, or 0 when no callback was due

local run_key = unpack(KEYS)
local id = unpack(ARGV)

if redis.call('HDEL', run_key, 'due') == 0 then return 0 end
local tenant = redis.call('HGET', run_key, 'tenant')
redis.call('ZREM', KEY.callbacks, id)
redis.call('ZADD', PREFIX.ended .. tenant, 'XX', 'INCR', -CONST.CALLBACK_RANK_MS, id)
return 1
