-- A node takes runs: of the tenants for which runs wait that need one of its runtimes, those whose virtual time is
-- least, one run at a time. Each run moves the time of its tenant on by what it is expected to take, divided by the
-- tenant's weight: start-time fair queueing (Goyal et al. 1996), with lengths that are corrected when they are known
-- (include/share.lua). The list of a runtime may have an older time of a tenant; it is corrected when the tenant's
-- turn comes.
--
-- The fencing token is the unique name of the claim: a node that presents another one is too late. (A counter would
-- repeat a number after a failover that lost a claim.) The epoch of the claim is the time of Redis, made to grow, and
-- orders the output of attempts. A call that arrives twice, because its connection broke before the answer, gets the
-- same runs twice.
--
-- KEYS: leases; taken; running
-- ARGV: node, name of this claim (process of the node, '/', a number), how many runs to take at most, deaths after
--   which a run is given up, losses after which it is given up, newest schema that the node reads, '1' when nothing
--   else runs on the node, the run to take or '' for any, then the runtimes of the node
-- Reply: for each run {outcome, id, attempt, submitted, deaths, request, epoch, trace, tenant, now, how often it was
--   repeated because it had waited for a CPU} with the outcomes run, cancel or poison (give it up). Besides {'alone',
--   id} for one that wants the node for itself: it is among those runs, or it may be taken by its name when nothing
--   else runs on the node; {'newer', id} for one that the node cannot read, which waits for others; {'more'}: ask
--   again for more; {'lost'} alone when the node has no lease: it must report first
-- @include decimal
-- @include enqueue
-- @include now
-- @include pass
-- @include quarantine
-- @include settings

local leases_key, taken_key, running_key = unpack(KEYS)
local node, claim, most, max_deaths, max_strays, newest_schema, alone, wanted = unpack(ARGV)
local runtimes = {unpack(ARGV, 9)}
most = tonumber(most)
max_deaths = tonumber(max_deaths)

local instance = instance_of(claim)
local time = now()
local replies = {}

if not redis.call('ZSCORE', leases_key, instance) then return {{'lost'}} end

local FIELDS = {'state', 'attempt', 'deaths', 'claim', 'strays', 'cancel', 'submitted', 'request', 'epoch', 'trace',
  'tenant', 'schema', 'quarantine', 'avoid', 'retries'}

local function read(id)
  local values = redis.call('HMGET', PREFIX.run .. id, unpack(FIELDS))
  local fields = {}
  for i, name in ipairs(FIELDS) do fields[name] = values[i] or nil end
  return fields
end

local function is_given_up(fields)
  return tonumber(fields.deaths or '0') >= max_deaths or tonumber(fields.strays or '0') >= tonumber(max_strays)
end

-- What the node is told of a run that it has.
local function tell(id, fields)
  local outcome = fields.cancel and 'cancel' or is_given_up(fields) and 'poison' or 'run'
  replies[#replies + 1] = {outcome, id, tonumber(fields.attempt), tonumber(fields.submitted),
    tonumber(fields.deaths or '0'), fields.request, decimal(fields.epoch), fields.trace, fields.tenant, decimal(time),
    tonumber(fields.retries or '0')}
end

-- A call that came before: its runs once more.
local before = redis.call('HGET', taken_key, instance)
if before and string.sub(before, 1, #claim + 1) == claim .. ' ' then
  for id in string.gmatch(string.sub(before, #claim + 2), '%S+') do
    local fields = read(id)
    if fields.state == 'running' and fields.claim == claim then tell(id, fields) end
  end
  return replies
end

local given, bytes = {}, 0
local function give(id, fields, place, charge)
  local run_key = PREFIX.run .. id
  fields.attempt = redis.call('HINCRBY', run_key, 'attempt', 1)
  fields.epoch = math.max(time, tonumber(fields.epoch or '0') + 1)
  redis.call('HSET', run_key, 'state', 'running', 'node', node, 'claim', claim, 'epoch', decimal(fields.epoch),
    'charge', exact(charge))
  if place then redis.call('HSET', run_key, 'place', place) end
  redis.call('ZADD', running_key, decimal(time), id)
  redis.call('SADD', PREFIX.held .. instance, id)
  if fields.quarantine then redis.call('SADD', KEY.quarantined, id) end
  redis.call('HINCRBY', KEY.inflight, fields.tenant, 1)
  given[#given + 1] = id
  bytes = bytes + #fields.request
  tell(id, fields)
end

-- Whether a run wants the node for itself, so that it takes no others.
local isolates = false

-- Whether this node takes the run, which has left its line; else it waits for another node, or for this one to be
-- alone.
local function takes(id, fields, place, runtime)
  local function put_off(delay_ms)
    redis.call('HSET', PREFIX.run .. id, 'place', place)
    if delay_ms then defer(id, delay_ms) end
  end
  if tonumber(fields.schema or '1') > tonumber(newest_schema) then
    put_off(CONST.NEWER_MS)
    replies[#replies + 1] = {'newer', id}
    return false
  end
  if fields.cancel or is_given_up(fields) or not (fields.quarantine or fields.avoid) then return true end
  put_off()
  if pass(id, node, fields.avoid, runtime) then return false end
  if fields.quarantine ~= 'node' then return true end
  isolates = true
  replies[#replies + 1] = {'alone', id}
  if alone == '1' and #given == 0 then return true end
  -- The node asks for it by its name when nothing else runs there. Where it does not, the run is due again later.
  defer(id, CONST.ALONE_MS)
  return false
end

-- What a tenant may have and has had.
local accounts = {}
local function account(tenant)
  local own = accounts[tenant]
  if own then return own end
  own = settings(tenant)
  local virtual_time, mean, debt = unpack(redis.call('HMGET', PREFIX.share .. tenant, 'time', 'mean', 'debt'))
  own.inflight = tonumber(redis.call('HGET', KEY.inflight, tenant) or '0')
  own.mean = tonumber(mean or CONST.FIRST_RUN_MS)
  own.debt = tonumber(debt or '0')
  own.time = tonumber(virtual_time or '0') + own.debt / own.weight
  accounts[tenant] = own
  return own
end

-- The head of each runtime's list: {tenant, account}, or false where nothing waits.
local heads = {}
local function head(runtime)
  while heads[runtime] == nil do
    local active = PREFIX.active .. runtime
    local tenant, score = unpack(redis.call('ZRANGE', active, 0, 0, 'WITHSCORES'))
    if not tenant then
      heads[runtime] = false
    else
      local own = account(tenant)
      if own.time > tonumber(score) then
        redis.call('ZADD', active, exact(own.time), tenant)
      else
        heads[runtime] = {tenant, own}
      end
    end
  end
  return heads[runtime]
end

local function first()
  local best
  for _, runtime in ipairs(runtimes) do
    local candidate = head(runtime)
    if candidate and (not best or candidate[2].time < best[2].time) then
      best = {candidate[1], candidate[2], runtime}
    end
  end
  return best
end

local function take_next(tenant, own, runtime)
  heads[runtime] = nil
  if own.maxRunning > 0 and own.inflight >= own.maxRunning then
    -- The end of one of its runs activates it again.
    redis.call('ZREM', PREFIX.active .. runtime, tenant)
    redis.call('SADD', KEY.heldBack, tenant)
    return
  end
  local id, place = unpack(redis.call('ZPOPMIN', line(tenant, runtime)))
  if not id then
    redis.call('ZREM', PREFIX.active .. runtime, tenant)
    redis.call('SREM', PREFIX.lines .. tenant, runtime)
    return
  end
  count(KEY.waiting, tenant, -1)
  local fields = read(id)
  if fields.state ~= 'queued' then
    -- It was cancelled or purged before its batch was whole.
    count_demand(runtime, -1)
    return
  end
  if not takes(id, fields, place, runtime) then return end
  give(id, fields, place, own.mean)
  own.inflight = own.inflight + 1
  own.start = own.time
  own.time = own.time + own.mean / own.weight
  for other, found in pairs(heads) do
    if found and found[1] == tenant then heads[other] = nil end
  end
end

if wanted ~= '' then
  local fields = read(wanted)
  if fields.state == 'queued' and redis.call('ZREM', KEY.deferred, wanted) == 1 then
    local own = account(fields.tenant)
    give(wanted, fields, nil, own.mean)
    own.start = own.time
    own.time = own.time + own.mean / own.weight
  end
else
  for _ = 1, most + CONST.REMOVED_AT_ONCE do
    if #given >= most or isolates or bytes > CONST.TAKEN_BYTES then break end
    local best = first()
    if not best then break end
    take_next(unpack(best))
  end
end

local clock = tonumber(redis.call('GET', KEY.clock) or '0')
local later = clock
for tenant, own in pairs(accounts) do
  if own.start then
    later = math.max(later, own.start)
    redis.call('HSET', PREFIX.share .. tenant, 'time', exact(own.time), 'debt', '0')
  end
end
if later > clock then redis.call('SET', KEY.clock, exact(later)) end
if #given > 0 then redis.call('HSET', taken_key, instance, claim .. ' ' .. table.concat(given, ' ')) end
local has_more = #given < most and bytes > CONST.TAKEN_BYTES
if has_more then replies[#replies + 1] = {'more'} end
for _, runtime in ipairs(runtimes) do
  redis.call(#given < most and not has_more and 'SADD' or 'SREM', PREFIX.hungry .. runtime, node)
end
return replies
