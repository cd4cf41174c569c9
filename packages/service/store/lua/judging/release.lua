#!lua flags=allow-oom
-- A judge gives a submission back: because it leaves, or because judging failed. What failed is judged with new runs.
--
-- KEYS: the submission, leased submissions
-- ARGV: id, name of the claim, '1' after a failure
-- Reply: 1, or 0 when the submission is no longer the caller's
-- @include judge-queue

local submission_key, leased_key = unpack(KEYS)
local id, claim, failed = unpack(ARGV)

local current, tenant, submitted = unpack(redis.call('HMGET', submission_key, 'claim', 'tenant', 'submitted'))
if current ~= claim then return 0 end
redis.call('ZREM', leased_key, id)
redis.call('HDEL', submission_key, 'claim', 'progress')
redis.call('HSET', submission_key, 'state', 'queued')
if failed == '1' then
  redis.call('HINCRBY', submission_key, 'faults', 1)
  redis.call('HINCRBY', submission_key, 'generation', 1)
end
wait_for_judge(id, tenant, submitted)
tell_change(id)
return 1
