-- Reads a run, with its result if that is short.
--
-- KEYS: the run
-- ARGV: the longest result that the reply may hold (bytes)
-- Reply: {state, length of the result, the result or '', schema}, or nil when the run is unknown

local run_key = unpack(KEYS)
local longest = unpack(ARGV)

local state = redis.call('HGET', run_key, 'state')
if not state then return nil end
local length = redis.call('HSTRLEN', run_key, 'result')
local result = ''
if length > 0 and length <= tonumber(longest) then result = redis.call('HGET', run_key, 'result') end
return {state, length, result, redis.call('HGET', run_key, 'schema') or '1'}
