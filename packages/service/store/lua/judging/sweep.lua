#!lua flags=allow-oom
-- Removes judged submissions that are too old, and the oldest above the most that are kept.
--
-- KEYS: judged submissions
-- ARGV: how long they are kept (milliseconds), most of all tenants, most bytes of all tenants
-- Reply: how many were removed
-- @include decimal
-- @include end-submission
-- @include now

local judged_key = unpack(KEYS)
local kept_ms, most, most_bytes = unpack(ARGV)

local removed = 0
local old = decimal(now() - tonumber(kept_ms))
for _, id in ipairs(redis.call('ZRANGEBYSCORE', judged_key, '-inf', old, 'LIMIT', 0, CONST.REMOVED_AT_ONCE)) do
  forget_submission(id)
  removed = removed + 1
end
while removed < CONST.REMOVED_AT_ONCE and (redis.call('ZCARD', judged_key) > tonumber(most)
  or counted(KEY.submissionBytes, CONST.ALL_TENANTS) > tonumber(most_bytes)) do
  local oldest = redis.call('ZRANGE', judged_key, 0, 0)[1]
  if not oldest then break end
  forget_submission(oldest)
  removed = removed + 1
end
return removed
