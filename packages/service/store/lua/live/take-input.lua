#!lua flags=allow-oom
-- The node of a live run reads input, and tells how far the program is.
--
-- KEYS: the run; its live hash; its input stream; its output stream; its feeder
-- ARGV: claim, bytes of input that the program has, '1' when it waits for more, how many entries to read at most (0:
--   none)
-- Reply: {interrupts, ended, fed, 1 if a client that may feed the run is connected, entries}, or false when the claim
--   is not the current one

local run_key, live_key, in_key, out_key, feeder_key = unpack(KEYS)
local claim, position, waits, most = unpack(ARGV)

local state, current_claim = unpack(redis.call('HMGET', run_key, 'state', 'claim'))
if state ~= 'running' or current_claim ~= claim then return false end
local fed, consumed, wanted, ended, interrupts =
  unpack(redis.call('HMGET', live_key, 'fed', 'consumed', 'wanted', 'ended', 'interrupts'))
local news = false
if tonumber(position) > tonumber(consumed or '0') then
  redis.call('HSET', live_key, 'consumed', position)
  news = true
end
if waits == '1' and not wanted then
  redis.call('HSET', live_key, 'wanted', '1')
  news = true
end
if news then redis.call('PUBLISH', out_key, '') end
local entries = {}
if most ~= '0' then entries = redis.call('XRANGE', in_key, '(0-' .. position, '+', 'COUNT', most) end
return {interrupts or '0', ended or '0', fed or '0', redis.call('EXISTS', feeder_key), entries}
