-- pass(id, node, avoid): whether the run goes to another node: it died or waited for a CPU on this one, and another
-- node is ready. After CONST.MAX_PASSES passes the run stays.
-- @include now
-- @include quarantine

-- Whether a ready node other than this one has reported within its lease.
local function another_is_ready(node)
  local time = now()
  local reports = redis.call('HGETALL', KEY.nodes)
  for i = 1, #reports, 2 do
    local name, stored = unpack(reports, i, i + 1)
    local at, report = string.match(stored, '^(%d+) (.*)$')
    local lease = report and string.match(report, '"leaseMs":(%d+)')
    local alive = lease and time - at <= tonumber(lease)
    if name ~= node and alive and string.find(report, '"state":"ready"', 1, true) then return true end
  end
  return false
end

local function pass(id, node, avoid)
  if avoid ~= node or not another_is_ready(node) then return false end
  if redis.call('HINCRBY', PREFIX.run .. id, 'passed', 1) > CONST.MAX_PASSES then return false end
  defer(id, CONST.PASS_MS)
  return true
end
