-- A node takes a run. The fencing token is the unique name of the claim: a node that presents another one is too
-- late. (A counter would repeat a number after a failover that lost a claim.) The epoch of the claim is the time of
-- Redis, made to grow, and orders the output of attempts. A claim of a running run means that its node is lost. That
-- counts as a death, until the node shows that it lives (release.lua), and the run goes into quarantine. A claim that
-- arrives twice, because its connection broke before the answer, gets the same answer twice.
--
-- KEYS: the run; dispatched; running
-- ARGV: id, node, cell, deaths after which the run is given up, name of this claim, losses after which it is given up,
--   newest schema that the node reads, '1' when nothing else runs on the node
-- Reply: {outcome, attempt, submitted, deaths, request, epoch, trace, dispatched or false, tenant, now, how often it
--   was repeated because it had waited for a CPU} for the outcomes run, cancel and poison (give it up). Else {outcome}:
--   done; missing; deferred (it waits outside of the queue, for a time or for another node); alone (claim it again when
--   nothing else runs on the node); or {'newer', schema}: deferred, because the node cannot read it
-- @include decimal
-- @include now
-- @include pass
-- @include quarantine

local run_key, dispatched_key, running_key = unpack(KEYS)
local id, node, cell, max_deaths, claim, max_strays, newest_schema, alone = unpack(ARGV)

local dispatched = redis.call('ZSCORE', dispatched_key, id)
redis.call('ZREM', dispatched_key, id)
local state, attempt, stored_deaths, current_claim, strays, cancelled, submitted, request, stored_epoch, trace, tenant,
  schema, quarantined, avoid, current_node, retries = unpack(redis.call('HMGET', run_key, 'state', 'attempt', 'deaths',
    'claim', 'strays', 'cancel', 'submitted', 'request', 'epoch', 'trace', 'tenant', 'schema', 'quarantine', 'avoid',
    'node', 'retries'))
if not state then return {'missing'} end
if state == 'done' then return {'done'} end
if tonumber(schema or '1') > tonumber(newest_schema) then
  if state == 'queued' then defer(id, CONST.NEWER_MS) end
  return {'newer', schema}
end

attempt = tonumber(attempt)
local deaths, epoch, most_deaths = tonumber(stored_deaths or '0'), tonumber(stored_epoch or '0'), tonumber(max_deaths)
local time = now()
if state ~= 'running' or current_claim ~= claim then
  if state == 'running' then
    deaths = redis.call('HINCRBY', run_key, 'deaths', 1)
    redis.call('HSET', run_key, 'blamed:' .. (current_claim or attempt), '1')
    if deaths < most_deaths and not cancelled then
      quarantine(id, deaths, most_deaths, 'node', current_node)
      return {'deferred'}
    end
  elseif redis.call('ZSCORE', KEY.deferred, id) then
    return {'deferred'}
  elseif (quarantined or avoid) and deaths < most_deaths and not cancelled then
    if pass(id, node, avoid) then return {'deferred'} end
    if quarantined == 'node' and alone ~= '1' then
      redis.call('ZADD', dispatched_key, dispatched or decimal(time), id)
      return {'alone'}
    end
  end
  attempt = redis.call('HINCRBY', run_key, 'attempt', 1)
  epoch = math.max(time, epoch + 1)
  redis.call('HSET', run_key, 'state', 'running', 'node', node, 'cell', cell, 'claim', claim, 'epoch', decimal(epoch))
  redis.call('ZADD', running_key, decimal(time), id)
end

local outcome = 'run'
if cancelled then
  outcome = 'cancel'
elseif deaths >= most_deaths or tonumber(strays or '0') >= tonumber(max_strays) then
  outcome = 'poison'
end
return {outcome, attempt, tonumber(submitted), deaths, request, decimal(epoch), trace, dispatched, tenant,
  decimal(time), tonumber(retries or '0')}
