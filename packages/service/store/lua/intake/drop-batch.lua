#!lua flags=allow-oom
-- Drops a batch that never became whole, some runs at a time.
--
-- KEYS: the batch
-- ARGV: id
-- Reply: how many staged runs are left; call again until it is 0
-- @include staged

local batch_key = unpack(KEYS)
local id = unpack(ARGV)

local total, tenant, size, idempotency_key =
  unpack(redis.call('HMGET', batch_key, 'total', 'tenant', 'size', 'idem'))
if total ~= '' then
  redis.call('ZREM', KEY.staging, id)
  return 0
end
local left = discard_staged(id)
if left == 0 then
  forget_key(idempotency_key, id)
  redis.call('UNLINK', batch_key, batch_key .. ':ended')
  redis.call('ZREM', KEY.staging, id)
  count(KEY.queuedBytes, tenant, -tonumber(size or '0'))
end
return left
