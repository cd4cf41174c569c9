#!lua flags=allow-oom
-- A node reports, renews the lease under which it has runs, and learns what an operator wants of it. The report is
-- stored behind the time of Redis, so that the clocks of nodes need not agree. Runs that Redis believes it has, and
-- that it does not know of, go back to their lines: a failover of Redis has lost how they ended.
--
-- KEYS: nodes, cordons, leases
-- ARGV: name of the node, its process, its start (as in the report), report (JSON), '1' to announce a change, channel
--   of the announcement, lease (milliseconds), '1' when it takes no runs, its runs (separated by spaces), then its
--   runtimes
-- Reply: 1 when the report before it is that of another living node with this name, otherwise 0; 'cordon' or 'drain'
--   where the node must take no runs, otherwise ''; 1 when it had no lease: the runs that it has are lost; then the
--   nodes to wake
-- @include decimal
-- @include now
-- @include put-back

local nodes_key, cordons_key, leases_key = unpack(KEYS)
local name, instance, started_at, report, announce, channel, lease_ms, takes_none, known = unpack(ARGV)
local runtimes = {unpack(ARGV, 10)}

local time = now()
local before = redis.call('HGET', nodes_key, name)
redis.call('HSET', nodes_key, name, decimal(time) .. ' ' .. report)
local is_new = redis.call('ZADD', leases_key, decimal(time + tonumber(lease_ms)), instance)
if is_new == 1 then redis.call('SADD', KEY.runtimes, unpack(runtimes)) end
if takes_none == '1' then
  for _, runtime in ipairs(runtimes) do redis.call('SREM', PREFIX.hungry .. runtime, name) end
end

local has = {}
for id in string.gmatch(known, '%S+') do has[id] = true end
for _, id in ipairs(redis.call('SMEMBERS', PREFIX.held .. instance)) do
  local since = not has[id] and redis.call('ZSCORE', KEY.running, id)
  -- One that was taken just now may be on its way to the node.
  if since and time - tonumber(since) > CONST.STRAY_MS then
    local tenant, runtime, place, claim =
      unpack(redis.call('HMGET', PREFIX.run .. id, 'tenant', 'runtime', 'place', 'claim'))
    redis.call('HINCRBY', PREFIX.run .. id, 'strays', 1)
    put_back(id, tenant, runtime or CONST.DEFAULT_RUNTIME, place, claim)
  end
end

if announce == '1' then redis.call('PUBLISH', channel, CONST.NODES_CHANGED) end
local wanted = redis.call('HGET', cordons_key, name) or ''
local at, text = string.match(before or '', '^(%d+) (.*)$')
local other = text and cjson.decode(text)
local is_twin = other and other.startedAt ~= started_at and time - tonumber(at) < other.leaseMs
return {is_twin and 1 or 0, wanted, is_new, unpack(woken)}
