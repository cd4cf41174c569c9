-- Takes deferred runs that are due. Of the runs in quarantine only some are out at a time, and one of a tenant.
--
-- KEYS: deferred; quarantined; dispatched
-- ARGV: how many runs in quarantine may be out, how many due runs to look at
-- Reply: ids; the caller adds them to the queue
-- @include decimal
-- @include now

local deferred_key, quarantined_key, dispatched_key = unpack(KEYS)
local most_out, most = unpack(ARGV)

local tenants, out = {}, 0
for _, id in ipairs(redis.call('SMEMBERS', quarantined_key)) do
  local state, tenant, quarantined = unpack(redis.call('HMGET', PREFIX.run .. id, 'state', 'tenant', 'quarantine'))
  if not state or state == 'done' or not quarantined or redis.call('ZSCORE', deferred_key, id) then
    redis.call('SREM', quarantined_key, id)
  else
    tenants[tenant] = true
    out = out + 1
  end
end

local ids = {}
local time = now()
for _, id in ipairs(redis.call('ZRANGEBYSCORE', deferred_key, '-inf', decimal(time), 'LIMIT', 0, most)) do
  local state, tenant, quarantined = unpack(redis.call('HMGET', PREFIX.run .. id, 'state', 'tenant', 'quarantine'))
  local takes = false
  if state ~= 'queued' then
    redis.call('ZREM', deferred_key, id)
  elseif not quarantined then
    takes = true
  elseif out < tonumber(most_out) and not tenants[tenant] then
    takes = true
    tenants[tenant] = true
    out = out + 1
    redis.call('SADD', quarantined_key, id)
  end
  if takes then
    redis.call('ZREM', deferred_key, id)
    redis.call('ZADD', dispatched_key, decimal(time), id)
    ids[#ids + 1] = id
  elseif state == 'queued' then
    -- It goes to the end of the line, so that many runs of one tenant do not block those of others.
    redis.call('ZADD', deferred_key, decimal(time + CONST.FIRST_BACK_OFF_MS), id)
  end
end
return ids
