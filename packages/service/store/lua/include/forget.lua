-- How ended records are kept and how they leave. UNLINK frees large values beside the thread that serves.
--
-- keep(tenant, member, bytes, score): a record that counted as queued is kept from now on.
-- unlist(tenant, member): a record leaves the list of what the tenant keeps.
-- forget_key(name, id): an idempotency key leaves, if it still names `id`.
-- forget_live(id): the streams of a live run leave.
-- forget_run(id), forget_batch(id): an ended run or batch leaves with all that belongs to it.
-- discard_run(id): a run that is in no backlog leaves, ended or not.
-- @include bytes
-- @include decimal

local function keep(tenant, member, bytes, score)
  count(KEY.queuedBytes, tenant, -bytes)
  count(KEY.keptBytes, tenant, bytes)
  count(KEY.kept, tenant, redis.call('ZADD', PREFIX.ended .. tenant, decimal(score), member))
  redis.call('ZADD', KEY.keeping, 'NX', '0', tenant)
end

local function unlist(tenant, member)
  count(KEY.kept, tenant, -redis.call('ZREM', PREFIX.ended .. tenant, member))
end

local function forget_key(name, id)
  if not name or name == '' then return end
  local owner = redis.call('GET', name)
  if owner and string.match(owner, '^(%S+)') == id then redis.call('UNLINK', name) end
end

local function forget_live(id)
  local live_key = PREFIX.live .. id
  redis.call('UNLINK', live_key, live_key .. ':out', live_key .. ':in', live_key .. ':feeder')
  redis.call('ZREM', KEY.liveEnded, id)
end

local function forget_run(id)
  local run_key = PREFIX.run .. id
  local tenant, size, idempotency_key, live, due, dead =
    unpack(redis.call('HMGET', run_key, 'tenant', 'size', 'idem', 'live', 'due', 'dead'))
  if not tenant then return end
  unlist(tenant, id)
  forget_key(idempotency_key, id)
  if live then forget_live(id) end
  if due then redis.call('ZREM', KEY.callbacks, id) end
  if dead then
    redis.call('ZREM', KEY.dead, id)
    redis.call('ZREM', PREFIX.dead .. tenant, id)
  end
  redis.call('UNLINK', run_key)
  count(KEY.keptBytes, tenant, -tonumber(size or '0'))
end

local function discard_run(id)
  local run_key = PREFIX.run .. id
  local tenant, size, state, idempotency_key, live =
    unpack(redis.call('HMGET', run_key, 'tenant', 'size', 'state', 'idem', 'live'))
  if not tenant then return end
  if state == 'done' then return forget_run(id) end
  forget_key(idempotency_key, id)
  if live then forget_live(id) end
  redis.call('UNLINK', run_key)
  count(KEY.queuedBytes, tenant, -tonumber(size or '0'))
end

local function forget_batch(id)
  local batch_key = PREFIX.batch .. id
  local tenant, size, idempotency_key = unpack(redis.call('HMGET', batch_key, 'tenant', 'size', 'idem'))
  if not tenant then return end
  unlist(tenant, CONST.BATCH_MEMBER .. id)
  forget_key(idempotency_key, id)
  redis.call('UNLINK', batch_key, batch_key .. ':ended')
  redis.call('ZREM', KEY.purging, id)
  count(KEY.keptBytes, tenant, -tonumber(size or '0'))
end
