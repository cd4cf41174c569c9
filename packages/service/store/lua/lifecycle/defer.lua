-- Defers a run that no node has claimed.
--
-- KEYS: the run
-- ARGV: id, delay (milliseconds)
-- Reply: 1, or 0 when a node has the run or it has ended
-- @include quarantine

local run_key = unpack(KEYS)
local id, delay_ms = unpack(ARGV)

if redis.call('HGET', run_key, 'state') ~= 'queued' then return 0 end
defer(id, tonumber(delay_ms))
return 1
