-- instance_of(claim): the process of a node that has a claim, by its unique name; nil for a claim of an earlier
--   version.
-- leave_node(id, tenant, claim): the run is no longer with a node, and its tenant may have another run in its place.
-- @include share
-- @include wake

local function instance_of(claim) return claim and string.match(claim, '^(.*)/%d+$') end

local function leave_node(id, tenant, claim)
  redis.call('ZREM', KEY.running, id)
  redis.call('SREM', PREFIX.held .. (instance_of(claim) or ''), id)
  redis.call('SREM', KEY.quarantined, id)
  if redis.call('HINCRBY', KEY.inflight, tenant, -1) <= 0 then redis.call('HDEL', KEY.inflight, tenant) end
  if redis.call('SREM', KEY.heldBack, tenant) == 0 then return end
  activate_all(tenant)
  for _, runtime in ipairs(redis.call('SMEMBERS', PREFIX.lines .. tenant)) do wake(runtime, 1) end
end
