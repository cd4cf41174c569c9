#!lua flags=allow-oom
-- Cancels a submission: one that waits ends at once, one that is being judged is marked, and its judge ends it soon.
--
-- KEYS: the submission
-- ARGV: id, '1' to remove it
-- Reply: its state afterwards, or 'removed'; nothing for an unknown one
-- @include end-submission
-- @include now

local submission_key = unpack(KEYS)
local id, purge = unpack(ARGV)

local state, tenant = unpack(redis.call('HMGET', submission_key, 'state', 'tenant'))
if not state then return false end
if purge == '1' then
  forget_submission(id)
  return 'removed'
end
if state == 'queued' then
  end_submission(id, tenant, 'cancelled', now())
  return 'cancelled'
end
if state == 'judging' then
  redis.call('HSET', submission_key, 'cancel', '1')
  tell_change(id)
end
return state
