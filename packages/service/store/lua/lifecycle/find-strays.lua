-- Runs that no node has although they count as running: their node is of a version without leases, or a failover of
-- Redis has lost how they ended. They go back to their lines.
--
-- KEYS: running; leases
-- ARGV: how long they have been running (milliseconds), how many to look at
-- Reply: {how many went back, then the nodes to wake}
-- @include decimal
-- @include now
-- @include places
-- @include put-back

local running_key, leases_key = unpack(KEYS)
local silent_ms, most = unpack(ARGV)

local time = now()
local found = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', running_key, '-inf', decimal(time - silent_ms), 'LIMIT', 0, most)) do
  local state, claim, tenant, runtime, place, priority =
    unpack(redis.call('HMGET', PREFIX.run .. id, 'state', 'claim', 'tenant', 'runtime', 'place', 'priority'))
  local instance = instance_of(claim or nil)
  if state ~= 'running' then
    redis.call('ZREM', running_key, id)
  elseif instance and redis.call('ZSCORE', leases_key, instance) then
    -- The others are looked at first the next time.
    redis.call('ZADD', running_key, decimal(time), id)
  else
    found = found + 1
    redis.call('HINCRBY', PREFIX.run .. id, 'strays', 1)
    put_back(id, tenant, runtime or CONST.DEFAULT_RUNTIME, place or places(1)(priority), claim)
  end
end
return {found, unpack(woken)}
