#!lua flags=allow-oom
-- A run ends, exactly once. The current claim may end it; so may a cancel, as long as no node has the run ('queued'
-- in place of a claim). Counters of the batch and of the tenant move in the same step, so they never disagree with
-- the runs. It works while Redis is out of memory: a result that exists must not be lost. The sweep removes what is
-- too much then.
--
-- KEYS: the run
-- ARGV: claim or 'queued', result (JSON), status, id, index in its batch, '1' to put it on the list of dead runs, the
--   message shown there, how long it had a cell (milliseconds), or '' when it had none
-- Reply: {outcome, then the nodes to wake} with the outcomes accepted, done (it had ended before), stale (the claim
--   is not the current one) or missing
-- @include absolve
-- @include decimal
-- @include end-of-run
-- @include now

local run_key = unpack(KEYS)
local claim, result, status, id, index, is_dead, message, took = unpack(ARGV)

local time = now()
local tenant, engine, runtime, charge, callback_url, state, current_claim, live, size, batch, purge =
  unpack(redis.call('HMGET', run_key, 'tenant', 'engine', 'runtime', 'charge', 'callback', 'state', 'claim', 'live',
    'size', 'batch', 'purge'))
if not state then return {'missing'} end
if state == 'done' then return {'done'} end
if claim == 'queued' then
  if state ~= 'queued' then return {'stale'} end
elseif state ~= 'running' or current_claim ~= claim then
  absolve(id, claim)
  return {'stale'}
end

runtime = runtime or CONST.DEFAULT_RUNTIME
leave_queue(id, tenant, runtime, current_claim)
if charge and took ~= '' then settle(tenant, tonumber(charge), tonumber(took)) end
redis.call('HINCRBY', KEY.finished, status .. '|' .. engine, 1)
local size_before = tonumber(size or '0')
local kept = size_before + held(#result)
redis.call('HDEL', run_key, 'node', 'claim', 'place', 'charge')
if is_dead == '1' then
  redis.call('HSET', run_key, 'dead', '1', 'message', message)
  redis.call('ZADD', KEY.dead, decimal(time), id)
  redis.call('ZADD', PREFIX.dead .. tenant, decimal(time), id)
else
  kept = kept - held(redis.call('HSTRLEN', run_key, 'request'))
  redis.call('HDEL', run_key, 'request')
end
redis.call('HSET', run_key, 'state', 'done', 'result', result, 'size', kept)
if live then redis.call('ZADD', KEY.liveEnded, decimal(time), id) end
local has_callback = callback_url and callback_url ~= '' and not purge
if has_callback then
  redis.call('HSET', run_key, 'due', '1')
  redis.call('ZADD', KEY.callbacks, decimal(time), id)
end
count(KEY.keptBytes, tenant, kept - size_before)
keep(tenant, id, size_before, has_callback and time + CONST.CALLBACK_RANK_MS or time)
local batch_done = batch ~= '' and end_in_batch(batch, status, index, time)
if purge then forget_run(id) end
tell_end(id, batch, batch_done, has_callback)
return {'accepted', unpack(woken)}
