-- A client feeds a live run. Bytes that are stored already are left out, so a client may repeat what had no answer.
--
-- KEYS: the run; its live hash; its input stream; its output stream
-- ARGV: position of the bytes in the input ('' for its end), the bytes, '1' when none follow, then the bounds of room()
-- Reply: {outcome, bytes of input that are stored}: ok, missing, done, not-live, gap (bytes before these are missing),
--   ended, too-large, too-fast (too far ahead of the program) or full (no room)
-- @include decimal
-- @include grow
-- @include room

local run_key, live_key, in_key, out_key = unpack(KEYS)
local position, bytes, is_last = unpack(ARGV)
local bounds = {unpack(ARGV, 4, 7)}

local state, live, tenant = unpack(redis.call('HMGET', run_key, 'state', 'live', 'tenant'))
if not state then return {'missing', '0'} end
local stored, consumed, ended = unpack(redis.call('HMGET', live_key, 'fed', 'consumed', 'ended'))
local fed = tonumber(stored or '0')
local function answer(outcome) return {outcome, decimal(fed)} end
if live ~= '1' then return answer('not-live') end
if state == 'done' then return answer('done') end
local data = bytes
if position ~= '' then
  local at = tonumber(position)
  if at > fed then return answer('gap') end
  data = string.sub(data, fed - at + 1)
end
if #data > 0 then
  if ended then return answer('ended') end
  if fed + #data > CONST.LIVE_INPUT_BYTES then return answer('too-large') end
  if fed + #data > tonumber(consumed or '0') + CONST.LIVE_WINDOW_BYTES then return answer('too-fast') end
  local size = held(#data + CONST.LIVE_ENTRY_BYTES)
  if room(tenant, 0, size, bounds) then return answer('full') end
  redis.call('XADD', in_key, '0-' .. decimal(fed + #data), 'd', data)
  redis.call('HINCRBY', live_key, 'in', size)
  grow(run_key, tenant, size)
  fed = fed + #data
  redis.call('HSET', live_key, 'fed', decimal(fed))
end
if is_last == '1' then redis.call('HSET', live_key, 'ended', '1') end
redis.call('PUBLISH', in_key, '')
redis.call('PUBLISH', out_key, '')
return answer('ok')
