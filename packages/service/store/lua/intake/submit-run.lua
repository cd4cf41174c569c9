-- Accepts a run: idempotency key, room, the run and its place in the backlog change in one step, so nothing is ever
-- half done. An idempotency key whose run is gone counts as new.
--
-- KEYS: the run; its idempotency key (any key of ours when it has none)
-- ARGV: id, tenant, priority, request (JSON), engine, runtime, limits (JSON), schema, '1' if there is an idempotency
--   key, fingerprint of the request, callback URL or '', trace context or '', '1' for a live run, then the bounds of
--   room(): runs and bytes of all, runs and bytes of a tenant
-- Reply: {'accepted', id, then the nodes to wake}; {'same' or 'different', id of the earlier run} when the key was
--   used before; or what room() returns
-- @include bytes
-- @include decimal
-- @include enqueue
-- @include now
-- @include places
-- @include room
-- @include wake

local run_key, idempotency_key = unpack(KEYS)
local id, tenant, priority, request, engine, runtime, limits, schema, has_key, fingerprint, callback, trace, live =
  unpack(ARGV)
local bounds = {unpack(ARGV, 14, 17)}

local key = ''
if has_key == '1' then
  key = idempotency_key
  local earlier = redis.call('GET', key)
  if earlier then
    local earlier_id, earlier_fingerprint = string.match(earlier, '^(%S+) (%S+)$')
    if redis.call('EXISTS', PREFIX.run .. earlier_id) == 1 then
      return {earlier_fingerprint == fingerprint and 'same' or 'different', earlier_id}
    end
  end
end

local size = CONST.RUN_BYTES + held(#request) + #callback + #trace + key_bytes(key)
if live == '1' then size = size + CONST.LIVE_BYTES end
local full = room(tenant, 1, size, bounds)
if full then return full end

if key ~= '' then redis.call('SET', key, id .. ' ' .. fingerprint) end
redis.call('HSET', run_key, 'state', 'queued', 'attempt', '0', 'deaths', '0', 'batch', '', 'tenant', tenant,
  'priority', priority, 'request', request, 'engine', engine, 'limits', limits, 'schema', schema,
  'submitted', decimal(now()), 'callback', callback, 'trace', trace, 'size', size)
if key ~= '' then redis.call('HSET', run_key, 'idem', key) end
if live == '1' then redis.call('HSET', run_key, 'live', '1') end
if runtime ~= CONST.DEFAULT_RUNTIME then redis.call('HSET', run_key, 'runtime', runtime) end
count(KEY.queuedBytes, tenant, size)
count_demand(runtime, 1)
enqueue(id, tenant, runtime, places(1)(priority))
wake(runtime, 1)
return {'accepted', id, unpack(woken)}
