-- Processes of nodes that are silent for longer than their lease: the runs that they have may run elsewhere. That
-- counts as a death of each, until the node shows that it lives (release.lua), and they go into quarantine. Such a
-- node hears of it at its next report, as it has no lease then.
--
-- KEYS: leases; taken
-- ARGV: deaths after which a run is given up, how many processes at most
-- Reply: the runs that were lost
-- @include decimal
-- @include now
-- @include quarantine

local leases_key, taken_key = unpack(KEYS)
local max_deaths, most = unpack(ARGV)

local runtimes = redis.call('SMEMBERS', KEY.runtimes)
local lost = {}
local function lose(id, instance)
  local run_key = PREFIX.run .. id
  local state, claim, node, cancelled = unpack(redis.call('HMGET', run_key, 'state', 'claim', 'node', 'cancel'))
  if state ~= 'running' or instance_of(claim) ~= instance then return end
  redis.call('HSET', run_key, 'blamed:' .. claim, '1')
  local deaths = redis.call('HINCRBY', run_key, 'deaths', 1)
  quarantine(id, cancelled and tonumber(max_deaths) or deaths, tonumber(max_deaths), 'node', node)
  lost[#lost + 1] = id
end

local over = redis.call('ZRANGEBYSCORE', leases_key, '-inf', '(' .. decimal(now()), 'LIMIT', 0, most)
for _, instance in ipairs(over) do
  for _, id in ipairs(redis.call('SMEMBERS', PREFIX.held .. instance)) do lose(id, instance) end
  redis.call('DEL', PREFIX.held .. instance)
  redis.call('ZREM', leases_key, instance)
  redis.call('HDEL', taken_key, instance)
  local node = string.match(instance, '^([^/]*)/')
  for _, runtime in ipairs(runtimes) do redis.call('SREM', PREFIX.hungry .. runtime, node) end
end
return lost
