-- count_demand(runtime, by): counts runs that have not ended, by the runtime that they need.
-- enqueue(id, tenant, runtime, place): a run waits for a node that has its runtime. A place that it had before puts
--   it in front of those that came later.
-- dequeue(id, tenant, runtime): it waits no more. Returns whether it did.
-- @include bytes
-- @include share

local function count_demand(runtime, by)
  if redis.call('HINCRBY', KEY.demand, runtime, by) <= 0 then redis.call('HDEL', KEY.demand, runtime) end
end

local function enqueue(id, tenant, runtime, place)
  if redis.call('ZADD', line(tenant, runtime), place, id) == 0 then return end
  redis.call('SADD', PREFIX.lines .. tenant, runtime)
  count(KEY.waiting, tenant, 1)
  activate(tenant, runtime)
end

local function dequeue(id, tenant, runtime)
  local waits = line(tenant, runtime)
  if redis.call('ZREM', waits, id) == 0 then return false end
  count(KEY.waiting, tenant, -1)
  if redis.call('EXISTS', waits) == 0 then
    redis.call('SREM', PREFIX.lines .. tenant, runtime)
    redis.call('ZREM', PREFIX.active .. runtime, tenant)
  end
  return true
end
