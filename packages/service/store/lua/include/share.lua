-- What tenants have had of the cells. A tenant has one virtual time for all runtimes: cell time in milliseconds,
-- divided by its weight. A run that is taken pays the mean of the tenant's runs, and the difference when it ends.
--
-- line(tenant, runtime): the key of the runs of a tenant that wait for a runtime.
-- activate(tenant, runtime): nodes of that runtime serve the tenant from now on. A tenant that was active nowhere
--   begins at the clock at least: it saves up nothing while nothing of it waits.
-- activate_all(tenant): the same for each runtime for which runs of it wait.
-- settle(tenant, charged, took): a run that paid `charged` milliseconds took `took`.
-- exact(number): all digits of a double.

local function exact(number) return string.format('%.17g', number) end

local function line(tenant, runtime) return PREFIX.backlog .. tenant .. ':' .. runtime end

local function activate(tenant, runtime)
  local active = PREFIX.active .. runtime
  if redis.call('ZSCORE', active, tenant) then return end
  local share = PREFIX.share .. tenant
  local time = tonumber(redis.call('HGET', share, 'time') or '0')
  local is_idle = true
  for _, other in ipairs(redis.call('SMEMBERS', PREFIX.lines .. tenant)) do
    if redis.call('ZSCORE', PREFIX.active .. other, tenant) then is_idle = false end
  end
  local clock = tonumber(redis.call('GET', KEY.clock) or '0')
  if is_idle and clock > time then
    time = clock
    redis.call('HSET', share, 'time', exact(time))
  end
  redis.call('ZADD', active, exact(time), tenant)
end

local function activate_all(tenant)
  for _, runtime in ipairs(redis.call('SMEMBERS', PREFIX.lines .. tenant)) do
    if redis.call('EXISTS', line(tenant, runtime)) == 1 then activate(tenant, runtime) end
  end
end

local function settle(tenant, charged, took)
  local share = PREFIX.share .. tenant
  local mean, debt = unpack(redis.call('HMGET', share, 'mean', 'debt'))
  mean = tonumber(mean or CONST.FIRST_RUN_MS)
  mean = math.max(CONST.LEAST_RUN_MS, mean + (took - mean) / CONST.RUNS_IN_MEAN)
  redis.call('HSET', share, 'mean', exact(mean), 'debt', exact(tonumber(debt or '0') + took - charged))
end
