-- pass(id, node, avoid, runtime): whether the run goes to another node: it died or waited for a CPU on this one, and
--   another node that has its runtime is ready. After CONST.MAX_PASSES passes the run stays.
-- @include now
-- @include quarantine

-- Whether a ready node with the runtime, other than this one, has reported within its lease.
local function another_is_ready(node, runtime)
  local time = now()
  local reports = redis.call('HGETALL', KEY.nodes)
  for i = 1, #reports, 2 do
    local name, stored = unpack(reports, i, i + 1)
    local at, report = string.match(stored, '^(%d+) (.*)$')
    local lease = report and string.match(report, '"leaseMs":(%d+)')
    local alive = lease and time - at <= tonumber(lease)
    local runtimes = report and string.match(report, '"runtimes":(%b[])') or '"' .. CONST.DEFAULT_RUNTIME .. '"'
    local has = alive and string.find(runtimes, '"' .. runtime .. '"', 1, true)
    if name ~= node and has and string.find(report, '"state":"ready"', 1, true) then return true end
  end
  return false
end

local function pass(id, node, avoid, runtime)
  if avoid ~= node or not another_is_ready(node, runtime) then return false end
  if redis.call('HINCRBY', PREFIX.run .. id, 'passed', 1) > CONST.MAX_PASSES then return false end
  defer(id, CONST.PASS_MS)
  return true
end
