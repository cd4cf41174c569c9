-- What every end of a run does beside storing its result.
--
-- leave_queue(id, tenant, runtime, claim): the run leaves what waits or runs. `claim`: that of the node that has it,
--   or nil.
-- end_in_batch(id, status, index, time): the batch `id` counts the end of its run at `index`; with its last run the
--   batch is kept, or leaves if it is being purged. Returns whether the batch is complete.
-- tell_end(id, batch, batch_done, has_callback): publishes the end.
-- @include enqueue
-- @include forget
-- @include leave-node

local function leave_queue(id, tenant, runtime, claim)
  if claim then
    leave_node(id, tenant, claim)
  elseif not dequeue(id, tenant, runtime) and redis.call('ZREM', KEY.deferred, id) == 0 then
    -- Its batch is not whole yet, and counts it when it is.
    return
  end
  count_demand(runtime, -1)
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
