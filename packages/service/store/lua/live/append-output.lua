-- Stores what the program has written. Redis refuses an entry id that it has seen, so a repeated call adds nothing.
--
-- KEYS: the run; its live hash; its output stream
-- ARGV: claim, epoch, bytes of both streams with these, then alternately 'o' (stdout) or 'e' (stderr) and bytes
-- Reply: 1, or 0 when the claim is not the current one
-- @include grow

local run_key, live_key, out_key = unpack(KEYS)
local claim, epoch, position = unpack(ARGV)
local pieces = {unpack(ARGV, 4)}

local state, current_claim, tenant = unpack(redis.call('HMGET', run_key, 'state', 'claim', 'tenant'))
if state ~= 'running' or current_claim ~= claim then return 0 end
local added = redis.pcall('XADD', out_key, epoch .. '-' .. position, unpack(pieces))
if type(added) == 'table' and added.err then
  -- The entry is there already, and the answer to its first call was lost.
  if string.find(added.err, 'equal or smaller', 1, true) then return 1 end
  return added
end
local bytes = 0
for i = 2, #pieces, 2 do bytes = bytes + #pieces[i] end
local size = held(bytes + CONST.LIVE_ENTRY_BYTES)
redis.call('HINCRBY', live_key, 'out', size)
grow(run_key, tenant, size)
redis.call('PUBLISH', out_key, '')
return 1
