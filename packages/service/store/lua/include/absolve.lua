-- absolve(id, claim): the node of that claim lives. If it was taken for dead, that death of the run is taken back,
--   and the run need not wait.

local function absolve(id, claim)
  local run_key = PREFIX.run .. id
  if redis.call('HDEL', run_key, 'blamed:' .. claim) == 0 then return end
  redis.call('HINCRBY', run_key, 'strays', 1)
  if redis.call('HINCRBY', run_key, 'deaths', -1) == 0 then redis.call('HDEL', run_key, 'quarantine', 'avoid') end
  if redis.call('ZSCORE', KEY.deferred, id) then redis.call('ZADD', KEY.deferred, 0, id) end
end
