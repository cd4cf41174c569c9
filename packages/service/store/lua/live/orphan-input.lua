#!lua flags=allow-oom
-- Ends the input of a live run that has lost its last feeder. Input that the program has not taken yet is not cut off.
--
-- KEYS: the run; its live hash; its input stream; its output stream; its feeder
-- ARGV: bytes of input that the program has
-- Reply: 1 when the input was ended, else 0

local run_key, live_key, in_key, out_key, feeder_key = unpack(KEYS)
local position = unpack(ARGV)

if redis.call('HGET', run_key, 'state') ~= 'running' then return 0 end
if redis.call('EXISTS', feeder_key) == 1 then return 0 end
if tonumber(redis.call('HGET', live_key, 'fed') or '0') > tonumber(position) then return 0 end
redis.call('HSET', live_key, 'ended', '1')
redis.call('PUBLISH', in_key, '')
redis.call('PUBLISH', out_key, '')
return 1
