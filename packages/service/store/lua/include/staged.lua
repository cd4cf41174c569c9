-- Runs of a batch that is not whole yet: one list for each runtime.
--
-- staged_key(batch, runtime): the key of such a list.
-- staged_runtimes(batch): the runtimes of which the batch has runs.
-- staged_count(batch): how many runs there are.
-- discard_staged(batch): some of them leave. Returns how many are left.
-- @include forget

local function staged_key(batch, runtime) return PREFIX.batch .. batch .. ':staged:' .. runtime end

local function staged_runtimes(batch)
  local runtimes = {}
  for runtime in string.gmatch(redis.call('HGET', PREFIX.batch .. batch, 'runtimes') or '', '%S+') do
    runtimes[#runtimes + 1] = runtime
  end
  return runtimes
end

local function staged_count(batch)
  local sum = 0
  for _, runtime in ipairs(staged_runtimes(batch)) do sum = sum + redis.call('ZCARD', staged_key(batch, runtime)) end
  return sum
end

local function discard_staged(batch)
  local most = CONST.REMOVED_AT_ONCE
  for _, runtime in ipairs(staged_runtimes(batch)) do
    local key = staged_key(batch, runtime)
    local runs = most > 0 and redis.call('ZRANGE', key, 0, most - 1) or {}
    for _, run in ipairs(runs) do
      discard_run(run)
      redis.call('ZREM', key, run)
    end
    most = most - #runs
  end
  return staged_count(batch)
end
