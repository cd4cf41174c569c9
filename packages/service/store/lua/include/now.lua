-- now(): the time of Redis in milliseconds since the epoch. Scripts never use the clock of a caller, so the clocks of
-- schedulers and nodes need not agree.
local function now()
  local seconds, microseconds = unpack(redis.call('TIME'))
  return seconds * 1000 + math.floor(microseconds / 1000)
end
