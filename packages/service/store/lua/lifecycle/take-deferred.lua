-- Puts deferred runs that are due back into their lines. Of the runs in quarantine only some are out at a time, and
-- one of a tenant.
--
-- KEYS: deferred; quarantined
-- ARGV: how many runs in quarantine may be out, how many due runs to look at
-- Reply: {how many went back, then the nodes to wake}
-- @include decimal
-- @include enqueue
-- @include now
-- @include places
-- @include wake

local deferred_key, quarantined_key = unpack(KEYS)
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

local put_back = 0
local time = now()
for _, id in ipairs(redis.call('ZRANGEBYSCORE', deferred_key, '-inf', decimal(time), 'LIMIT', 0, most)) do
  local state, tenant, quarantined, runtime, place, priority, avoid = unpack(redis.call('HMGET', PREFIX.run .. id,
    'state', 'tenant', 'quarantine', 'runtime', 'place', 'priority', 'avoid'))
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
    runtime = runtime or CONST.DEFAULT_RUNTIME
    redis.call('ZREM', deferred_key, id)
    enqueue(id, tenant, runtime, place or places(1)(priority))
    wake(runtime, 1, avoid)
    put_back = put_back + 1
  elseif state == 'queued' then
    -- It goes to the end of the line, so that many runs of one tenant do not block those of others.
    redis.call('ZADD', deferred_key, decimal(time + CONST.FIRST_BACK_OFF_MS), id)
  end
end
return {put_back, unpack(woken)}
