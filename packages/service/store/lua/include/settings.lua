-- settings(tenant): the settings of a tenant as a table: weight; maxQueued and maxRunning (0: no limit of its own);
-- maxQueuedBytes and maxKeptBytes (0: the share that every tenant has); schema where a build has written one.

local function settings(tenant)
  local stored = redis.call('HGET', KEY.tenants, tenant)
  local own = stored and cjson.decode(stored) or {weight = 1, maxQueued = 0, maxRunning = 0}
  own.maxQueuedBytes = own.maxQueuedBytes or 0
  own.maxKeptBytes = own.maxKeptBytes or 0
  return own
end
