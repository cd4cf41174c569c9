#!lua flags=allow-oom
-- A node gives a run back. `hand-back`: the run goes to the front of its line. `failed` counts as a death, `unblamed`
-- and `unreliable` (it waited for a CPU, and runs again) do not; all three defer the run. `lock-lost` shows that the
-- node of the attempt lives: if it was taken for dead, that death is taken back and the run need not wait.
--
-- KEYS: the run
-- ARGV: claim, id, reason, deaths after which the run is given up
-- Reply: {1 when the claim was the current one, else 0, then the nodes to wake}
-- @include absolve
-- @include put-back
-- @include quarantine

local run_key = unpack(KEYS)
local claim, id, reason, max_deaths = unpack(ARGV)

local state, current_claim, node, tenant, runtime, place =
  unpack(redis.call('HMGET', run_key, 'state', 'claim', 'node', 'tenant', 'runtime', 'place'))
if not state or state == 'done' then return {0} end
if state ~= 'running' or current_claim ~= claim then
  if reason ~= 'failed' then absolve(id, claim) end
  return {0}
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
  if reason == 'lock-lost' then redis.call('HINCRBY', run_key, 'strays', 1) end
  put_back(id, tenant, runtime or CONST.DEFAULT_RUNTIME, place, claim)
end
return {1, unpack(woken)}
