-- What every end of a run does beside storing its result.
--
-- leave_queue(id, tenant, state, was_counted): the run leaves every list of what waits or runs. `was_counted`: it
--   counts among the tenant's runs in flight.
-- end_in_batch(id, status, index, time): the batch `id` counts the end of its run at `index`; with its last run the
--   batch is kept, or leaves if it is being purged. Returns whether the batch is complete.
-- tell_end(id, batch, batch_done, has_callback): publishes the end.
-- @include activate
-- @include forget

local function leave_queue(id, tenant, state, was_counted)
  -- A run that a node has claimed left `dispatched` with the claim.
  if state == 'queued' then redis.call('ZREM', KEY.dispatched, id) end
  redis.call('ZREM', KEY.running, id)
  redis.call('ZREM', KEY.deferred, id)
  redis.call('SREM', KEY.quarantined, id)
  if was_counted then
    if redis.call('HINCRBY', KEY.inflight, tenant, -1) <= 0 then redis.call('HDEL', KEY.inflight, tenant) end
    if redis.call('EXISTS', PREFIX.backlog .. tenant) == 1 then activate(tenant) end
  elseif redis.call('ZREM', PREFIX.backlog .. tenant, id) == 1 then
    redis.call('DECR', KEY.backlogs)
  end
end

local function end_in_batch(id, status, index, time)
  local batch_key = PREFIX.batch .. id
  local total, tenant, size, purge = unpack(redis.call('HMGET', batch_key, 'total', 'tenant', 'size', 'purge'))
  if not total then return false end
  local done = redis.call('HINCRBY', batch_key, 'done', 1)
  redis.call('HINCRBY', batch_key, 'status:' .. status, 1)
  redis.call('RPUSH', batch_key .. ':ended', index)
  if done ~= tonumber(total) then return false end
  keep(tenant, CONST.BATCH_MEMBER .. id, tonumber(size or '0'), time)
  if purge == 'last' then forget_batch(id) end
  return true
end

local function tell_end(id, batch, batch_done, has_callback)
  local function flag(condition) return condition and '1' or '0' end
  local fields = {id, batch == '' and '-' or batch, flag(batch_done), flag(has_callback)}
  redis.call('PUBLISH', CONST.EVENTS_CHANNEL, table.concat(fields, ' '))
end
