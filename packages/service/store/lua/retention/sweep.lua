#!lua flags=allow-oom
-- Removes records that are too old, records above the bound of their tenant, and records above the bounds of all
-- tenants: there the tenant pays that holds the largest part of its bound. The oldest record of a tenant leaves
-- first. It works while Redis is out of memory, and does not depend on runs that end.
--
-- KEYS: keeping
-- ARGV: how long records are kept (milliseconds), most records of all tenants, most bytes of all tenants, then
--   records and bytes of a tenant without a limit of its own
-- Reply: {how many records were removed, 1 if there may be more to remove}
-- @include decimal
-- @include forget
-- @include now
-- @include settings

local keeping_key = unpack(KEYS)
local kept_ms, all_records, all_bytes, share_records, share_bytes = unpack(ARGV)

local time = now()
local left = CONST.REMOVED_AT_ONCE
local removed = {expired = 0, ['tenant-bound'] = 0, ceiling = 0, ['callback-due'] = 0}

local function remove(tenant, member, why)
  local batch = string.match(member, '^' .. CONST.BATCH_MEMBER .. '(.+)$')
  if not batch and why ~= 'expired' and redis.call('HEXISTS', PREFIX.run .. member, 'due') == 1 then
    removed['callback-due'] = removed['callback-due'] + 1
  end
  if batch then forget_batch(batch) else forget_run(member) end
  -- Even if the record is gone, its entry must leave: the sweep would return to it for ever.
  unlist(tenant, member)
  removed[why] = removed[why] + 1
  left = left - 1
end

local function remove_oldest(tenant, why)
  remove(tenant, redis.call('ZRANGE', PREFIX.ended .. tenant, 0, 0)[1], why)
end

local function bounds_of(tenant)
  local own = settings(tenant).maxKeptBytes
  return own > 0 and own or tonumber(share_bytes), tonumber(share_records)
end

local function look(tenant)
  local ended_key = PREFIX.ended .. tenant
  local old = decimal(time - tonumber(kept_ms))
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', ended_key, '-inf', old, 'LIMIT', 0, left)) do
    remove(tenant, member, 'expired')
  end
  local most_bytes, most_records = bounds_of(tenant)
  local records = redis.call('ZCARD', ended_key)
  while left > 0 and records > CONST.ALWAYS_KEPT
    and (records > most_records or counted(KEY.keptBytes, tenant) > most_bytes) do
    remove_oldest(tenant, 'tenant-bound')
    records = records - 1
  end
  if redis.call('EXISTS', ended_key) == 0 then
    redis.call('ZREM', KEY.keeping, tenant)
  elseif left > 0 then
    redis.call('ZADD', KEY.keeping, decimal(time), tenant)
  end
end

local due = decimal(time - CONST.LOOK_AGAIN_MS)
local tenants = redis.call('ZRANGEBYSCORE', keeping_key, '-inf', due, 'LIMIT', 0, CONST.TENANTS_AT_ONCE)
for _, tenant in ipairs(tenants) do
  if left > 0 then look(tenant) end
end

local function part_of(counters, bound, tenant)
  local bytes, records = bounds_of(tenant)
  return counted(counters, tenant) / math.max(1, bound == 'bytes' and bytes or records)
end

-- The tenant that holds the largest part of its bound, and the part of the second.
local function first_to_pay(counters, bound)
  local most, next_most, payer = 0, 0, nil
  for _, tenant in ipairs(redis.call('HKEYS', counters)) do
    local part = tenant == CONST.ALL_TENANTS and 0 or part_of(counters, bound, tenant)
    if part > 0 and redis.call('EXISTS', PREFIX.ended .. tenant) == 1 then
      if part > most then
        most, next_most, payer = part, most, tenant
      else
        next_most = math.max(next_most, part)
      end
    end
  end
  return payer, next_most
end

local function hold(counters, bound, most)
  while left > 0 and counted(counters, CONST.ALL_TENANTS) > most do
    local tenant, next_most = first_to_pay(counters, bound)
    if not tenant then return end
    repeat
      remove_oldest(tenant, 'ceiling')
    until left <= 0 or counted(counters, CONST.ALL_TENANTS) <= most
      or part_of(counters, bound, tenant) <= next_most
      or redis.call('EXISTS', PREFIX.ended .. tenant) == 0
  end
end

hold(KEY.keptBytes, 'bytes', tonumber(all_bytes))
hold(KEY.kept, 'records', tonumber(all_records))

-- Streams of live runs leave some time after the end: the result holds all output too.
local past = decimal(time - CONST.LIVE_KEPT_MS)
local streams = redis.call('ZRANGEBYSCORE', KEY.liveEnded, '-inf', past, 'LIMIT', 0, CONST.REMOVED_AT_ONCE)
for _, id in ipairs(streams) do
  local run_key = PREFIX.run .. id
  local tenant, size = unpack(redis.call('HMGET', run_key, 'tenant', 'size'))
  local in_bytes, out_bytes = unpack(redis.call('HMGET', PREFIX.live .. id, 'in', 'out'))
  forget_live(id)
  if tenant then
    local bytes = CONST.LIVE_BYTES + tonumber(in_bytes or '0') + tonumber(out_bytes or '0')
    redis.call('HSET', run_key, 'size', decimal(tonumber(size or '0') - bytes))
    redis.call('HDEL', run_key, 'live')
    count(KEY.keptBytes, tenant, -bytes)
  end
end

local all = 0
for why, number in pairs(removed) do
  if number > 0 then redis.call('HINCRBY', KEY.removed, why, number) end
  if why ~= 'callback-due' then all = all + number end
end
local more = left <= 0 or #tenants == CONST.TENANTS_AT_ONCE or #streams == CONST.REMOVED_AT_ONCE
return {all, more and 1 or 0}
