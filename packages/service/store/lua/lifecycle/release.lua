-- A node gives a run back. `hand-back`: the caller returns it to the queue. `failed` counts as a death, `unblamed` and
-- `unreliable` (it waited for a CPU, and runs again) do not; all three defer the run. `lock-lost` shows that the node
-- of the attempt lives: if it was taken for dead, that death is taken back and the run need not wait.
--
-- KEYS: the run; running
-- ARGV: claim, id, reason, deaths after which the run is given up
-- Reply: 1 when the claim was the current one, else 0
-- @include quarantine

local run_key, running_key = unpack(KEYS)
local claim, id, reason, max_deaths = unpack(ARGV)

local state, current_claim, node = unpack(redis.call('HMGET', run_key, 'state', 'claim', 'node'))
if not state or state == 'done' then return 0 end
if state ~= 'running' or current_claim ~= claim then
  if reason ~= 'failed' and redis.call('HDEL', run_key, 'blamed:' .. claim) == 1 then
    redis.call('HINCRBY', run_key, 'strays', 1)
    if redis.call('HINCRBY', run_key, 'deaths', -1) == 0 then redis.call('HDEL', run_key, 'quarantine', 'avoid') end
    if redis.call('ZSCORE', KEY.deferred, id) then redis.call('ZADD', KEY.deferred, 0, id) end
  end
  return 0
end
if reason == 'failed' then
  quarantine(id, redis.call('HINCRBY', run_key, 'deaths', 1), tonumber(max_deaths), 'cell', node)
elseif reason == 'unreliable' then
  -- Later, and elsewhere where there is another node: the load that kept it waiting was there and then.
  redis.call('HSET', run_key, 'avoid', node or '', 'passed', '0')
  defer(id, CONST.UNRELIABLE_MS * redis.call('HINCRBY', run_key, 'retries', 1))
elseif reason == 'unblamed' then
  defer(id, CONST.UNBLAMED_MS * redis.call('HINCRBY', run_key, 'strays', 1))
else
  redis.call('HSET', run_key, 'state', 'queued')
  redis.call('HDEL', run_key, 'node', 'cell', 'claim')
  redis.call('ZREM', running_key, id)
  if reason == 'lock-lost' then redis.call('HINCRBY', run_key, 'strays', 1) end
end
return 1
