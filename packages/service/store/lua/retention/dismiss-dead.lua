#!lua flags=allow-oom
-- Takes a run off the list of dead runs; its result stays.
--
-- KEYS: the run
-- ARGV: id
-- Reply: 1, or 0 when it was not on the list
-- @include bytes
-- @include decimal

local run_key = unpack(KEYS)
local id = unpack(ARGV)

local tenant, dead, size = unpack(redis.call('HMGET', run_key, 'tenant', 'dead', 'size'))
if not dead then return 0 end
local bytes = held(redis.call('HSTRLEN', run_key, 'request'))
redis.call('HDEL', run_key, 'request', 'dead', 'message')
redis.call('ZREM', KEY.dead, id)
redis.call('ZREM', PREFIX.dead .. tenant, id)
redis.call('HSET', run_key, 'size', decimal(tonumber(size or '0') - bytes))
count(KEY.keptBytes, tenant, -bytes)
return 1
