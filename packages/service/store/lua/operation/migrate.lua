-- Takes over what schedulers up to schema 3 have written: they had one backlog for each tenant, handed runs to a
-- queue, and staged batches in one list.
--
-- KEYS: staging; tenants; of that version `dispatched`, and `active`: tenants with a backlog that may run more
-- ARGV: prefix of the backlogs (a tenant follows), how many runs at most
-- Reply: {how many runs were moved, then the nodes to wake}; call again until it is 0
-- @include enqueue
-- @include places
-- @include wake

local staging_key, tenants_key, dispatched_key, active_key = unpack(KEYS)
local prefix, most = unpack(ARGV)
most = tonumber(most)

local moved = 0
local function move(id, place)
  local state, tenant, priority = unpack(redis.call('HMGET', PREFIX.run .. id, 'state', 'tenant', 'priority'))
  moved = moved + 1
  if state == 'queued' and not redis.call('ZSCORE', KEY.deferred, id) then
    count_demand(CONST.DEFAULT_RUNTIME, 1)
    enqueue(id, tenant, CONST.DEFAULT_RUNTIME, place or places(1)(priority))
  end
  return tenant
end

for _, batch in ipairs(redis.call('ZRANGE', staging_key, 0, most)) do
  local batch_key = PREFIX.batch .. batch
  if redis.call('EXISTS', batch_key .. ':staged') == 1 then
    redis.call('RENAME', batch_key .. ':staged', batch_key .. ':staged:' .. CONST.DEFAULT_RUNTIME)
    redis.call('HSET', batch_key, 'runtimes', CONST.DEFAULT_RUNTIME)
  end
end

for _, id in ipairs(redis.call('ZRANGE', dispatched_key, 0, most - 1)) do
  redis.call('ZREM', dispatched_key, id)
  local tenant = move(id)
  -- It counted as one in flight from there on.
  if tenant and redis.call('HINCRBY', KEY.inflight, tenant, -1) <= 0 then redis.call('HDEL', KEY.inflight, tenant) end
end

-- A tenant that runs as many as it may is not active, and has settings. Without keys there is one without settings.
local tenants = redis.call('ZRANGE', active_key, 0, -1)
for _, tenant in ipairs(redis.call('HKEYS', tenants_key)) do tenants[#tenants + 1] = tenant end
for _, tenant in ipairs(tenants) do
  if moved >= most then break end
  local runs = redis.call('ZRANGE', prefix .. tenant, 0, most - moved - 1, 'WITHSCORES')
  for i = 1, #runs, 2 do
    redis.call('ZREM', prefix .. tenant, runs[i])
    move(runs[i], runs[i + 1])
  end
end

if moved == 0 then redis.call('DEL', active_key) end
if moved > 0 then wake(CONST.DEFAULT_RUNTIME, CONST.WOKEN_AT_ONCE) end
return {moved, unpack(woken)}
