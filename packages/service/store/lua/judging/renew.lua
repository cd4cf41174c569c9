#!lua flags=allow-oom
-- Extends a judge's lease on a submission and stores its progress.
--
-- KEYS: the submission, leased submissions
-- ARGV: id, name of the claim, lease (milliseconds), progress as 'DONE TOTAL' or ''
-- Reply: 'ok'; 'cancel' when a client has cancelled it; 'gone' when it was removed; 'lost' when another judge has it
-- @include decimal
-- @include judge-queue
-- @include now

local submission_key, leased_key = unpack(KEYS)
local id, claim, lease_ms, progress = unpack(ARGV)

local state, current, cancel, before =
  unpack(redis.call('HMGET', submission_key, 'state', 'claim', 'cancel', 'progress'))
if not state then return 'gone' end
if current ~= claim then return 'lost' end
redis.call('ZADD', leased_key, decimal(now() + tonumber(lease_ms)), id)
if progress ~= '' and progress ~= before then
  redis.call('HSET', submission_key, 'progress', progress)
  tell_change(id)
end
return cancel and 'cancel' or 'ok'
