-- Changes the settings of a tenant, with effect at once: a tenant that ran as many runs as it might is served again.
--
-- KEYS: tenants; the backlog of the tenant
-- ARGV: tenant, settings (JSON)
-- Reply: 1 when the tenant is new, else 0
-- @include activate

local tenants_key, backlog_key = unpack(KEYS)
local tenant, stored = unpack(ARGV)

local new = redis.call('HSET', tenants_key, tenant, stored)
if redis.call('EXISTS', backlog_key) == 1 then activate(tenant) end
return new
