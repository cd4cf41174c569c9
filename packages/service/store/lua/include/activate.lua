-- activate(tenant): a tenant that has a backlog is served from now on. Its virtual time starts at the clock at least,
-- so a tenant saves up nothing while it has no backlog.

local function activate(tenant)
  if redis.call('ZSCORE', KEY.active, tenant) then return end
  local clock = tonumber(redis.call('GET', KEY.clock) or '0')
  local own = tonumber(redis.call('HGET', KEY.times, tenant) or '0')
  redis.call('ZADD', KEY.active, string.format('%.17g', math.max(clock, own)), tenant)
end
