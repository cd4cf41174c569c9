-- What followers of a live run see. State and output are read in one step, so a run that is done has all of its output.
--
-- KEYS: the run; its live hash; its output stream
-- ARGV: start of the range of entries (XRANGE), how many to read at most
-- Reply: {state, attempt, live, epoch, fed, consumed, wanted, ended, entries, schema}, or false when the run is unknown

local run_key, live_key, out_key = unpack(KEYS)
local start, most = unpack(ARGV)

local state, attempt, live, epoch, schema =
  unpack(redis.call('HMGET', run_key, 'state', 'attempt', 'live', 'epoch', 'schema'))
if not state then return false end
local fed, consumed, wanted, ended = unpack(redis.call('HMGET', live_key, 'fed', 'consumed', 'wanted', 'ended'))
local entries = redis.call('XRANGE', out_key, start, '+', 'COUNT', most)
return {state, attempt, live or '0', epoch or attempt, fed or '0', consumed or '0', wanted or '0', ended or '0',
  entries, schema or '1'}
