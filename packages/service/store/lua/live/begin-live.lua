#!lua flags=allow-oom
-- An attempt of a live run begins: the output of earlier attempts leaves.
--
-- KEYS: the run; its live hash; its output stream
-- ARGV: claim, epoch
-- Reply: how often the run was interrupted before, or -1 when the claim is not the current one
-- @include grow

local run_key, live_key, out_key = unpack(KEYS)
local claim, epoch = unpack(ARGV)

local current_claim, tenant, state = unpack(redis.call('HMGET', run_key, 'claim', 'tenant', 'state'))
if current_claim ~= claim or state ~= 'running' then return -1 end
-- An error: the attempt had begun already, and its answer was lost.
local added = redis.pcall('XADD', out_key, epoch .. '-0', 'b', '')
if type(added) ~= 'table' then
  redis.call('XTRIM', out_key, 'MINID', epoch .. '-0')
  grow(run_key, tenant, -tonumber(redis.call('HGET', live_key, 'out') or '0'))
  redis.call('HDEL', live_key, 'out')
end
redis.call('PUBLISH', out_key, '')
return tonumber(redis.call('HGET', live_key, 'interrupts') or '0')
