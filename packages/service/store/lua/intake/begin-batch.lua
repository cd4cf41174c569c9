-- Begins to accept a batch. An attempt that was cut off is taken up again under its id, after its staged runs have
-- left.
--
-- KEYS: the batch; its idempotency key (any key of ours when it has none)
-- ARGV: id, tenant, name, '1' if there is an idempotency key, fingerprint ('' when only the end of the request tells
--   it), schema, number of runs ('0' when it is unknown), name of this attempt, then the bounds of room()
-- Reply: {'ours', id}: stage the runs under this id; {'again', id}: call again, staged runs of the attempt that was cut
--   off are left; {'same' or 'different', id} of a batch that was accepted under this key; {'sealed', id, fingerprint}:
--   the same where the caller gave no fingerprint; or what room() returns
-- @include decimal
-- @include forget
-- @include now
-- @include room
-- @include staged

local _, idempotency_key = unpack(KEYS)
local new_id, tenant, name, has_key, fingerprint, schema, runs, intake = unpack(ARGV)
local bounds = {unpack(ARGV, 9, 12)}

local id, key = new_id, ''
if has_key == '1' then
  key = idempotency_key
  local earlier_id, earlier_fingerprint = string.match(redis.call('GET', key) or '', '^(%S+) (%S*)$')
  local total = earlier_id and redis.call('HGET', PREFIX.batch .. earlier_id, 'total')
  if total then
    id = earlier_id
    if total ~= '' then
      if fingerprint == '' then return {'sealed', id, earlier_fingerprint} end
      return {earlier_fingerprint == fingerprint and 'same' or 'different', id}
    end
  end
end

local batch_key = PREFIX.batch .. id
local size_before = tonumber(redis.call('HGET', batch_key, 'size') or '0')
local size = CONST.BATCH_BYTES + #name + key_bytes(key)
local full = room(tenant, tonumber(runs), size - size_before, bounds)
if full then return full end

if key ~= '' then redis.call('SET', key, id .. ' ' .. fingerprint) end
redis.call('HSET', batch_key, 'tenant', tenant, 'name', name, 'total', '', 'done', '0', 'schema', schema,
  'submitted', decimal(now()), 'intake', intake, 'size', size, 'idem', key, 'staged', '0')
count(KEY.queuedBytes, tenant, size - size_before)
redis.call('ZADD', KEY.staging, decimal(now()), id)
if discard_staged(id) > 0 then return {'again', id} end
redis.call('HDEL', batch_key, 'runtimes')
redis.call('UNLINK', batch_key .. ':ended')
return {'ours', id}
