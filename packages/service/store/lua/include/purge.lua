-- purge_run(id, time): a run leaves, in whatever state it is. A running one is cancelled and leaves when it ends; its
-- idempotency key goes at once. Returns gone, later or missing.
-- @include end-of-run

local function purge_run(id, time)
  local run_key = PREFIX.run .. id
  local state, tenant, engine, runtime, batch, idempotency_key, purge =
    unpack(redis.call('HMGET', run_key, 'state', 'tenant', 'engine', 'runtime', 'batch', 'idem', 'purge'))
  if not state then return 'missing' end
  if state == 'done' then
    forget_run(id)
    return 'gone'
  end
  if state ~= 'queued' then
    if purge then return 'missing' end
    redis.call('HSET', run_key, 'purge', '1', 'cancel', '1')
    forget_key(idempotency_key, id)
    redis.call('PUBLISH', CONST.CANCEL_CHANNEL, id)
    return 'later'
  end
  leave_queue(id, tenant, runtime or CONST.DEFAULT_RUNTIME)
  redis.call('HINCRBY', KEY.finished, 'cancelled|' .. engine, 1)
  discard_run(id)
  local batch_done = batch ~= '' and end_in_batch(batch, 'cancelled', string.sub(id, #batch + 2), time)
  tell_end(id, batch, batch_done, false)
  return 'gone'
end
