-- Changes the settings of a tenant, with effect at once: a tenant that ran as many runs as it might is served again.
--
-- KEYS: tenants
-- ARGV: tenant, settings (JSON)
-- Reply: {1 when the tenant is new, else 0, then the nodes to wake}
-- @include share
-- @include wake

local tenants_key = unpack(KEYS)
local tenant, stored = unpack(ARGV)

local new = redis.call('HSET', tenants_key, tenant, stored)
redis.call('SREM', KEY.heldBack, tenant)
activate_all(tenant)
for _, runtime in ipairs(redis.call('SMEMBERS', PREFIX.lines .. tenant)) do wake(runtime, CONST.WOKEN_AT_ONCE) end
return {new, unpack(woken)}
