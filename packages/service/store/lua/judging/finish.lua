#!lua flags=allow-oom
-- Ends a submission: with its result, or cancelled. Only the holder of its claim can.
--
-- KEYS: the submission
-- ARGV: id, name of the claim, 'done' or 'cancelled', result (JSON, or '' when cancelled), verdict or '', score or '',
--   version that was judged
-- Reply: 1 when it is accepted, 0 when the submission is no longer the caller's
-- @include bytes
-- @include end-submission
-- @include now

local submission_key = unpack(KEYS)
local id, claim, state, result, verdict, score, version = unpack(ARGV)

local current, tenant, before = unpack(redis.call('HMGET', submission_key, 'claim', 'tenant', 'result'))
if current ~= claim then return 0 end
if state == 'done' then
  local more = held(#result) - held(#(before or ''))
  redis.call('HINCRBY', submission_key, 'size', more)
  count(KEY.submissionBytes, tenant, more)
  redis.call('HSET', submission_key, 'result', result, 'verdict', verdict, 'score', score, 'version', version)
end
redis.call('HSET', submission_key, 'deaths', '0', 'faults', '0')
end_submission(id, tenant, state, now())
return 1
