-- What waits for a judge.
--
-- wait_for_judge(id, tenant, place): a submission waits, among those of its tenant at `place`.
-- leave_judge_queue(id, tenant): it waits no more. Returns whether it did.
-- tell_change(id): publishes that the submission has changed, and counts the change.
-- @include bytes

local function wait_for_judge(id, tenant, place)
  local queue = PREFIX.judging .. tenant
  if redis.call('ZADD', queue, place, id) == 1 then count(KEY.judgingWaiting, tenant, 1) end
  -- The tenant that was served least recently is next; a new one is ahead of all.
  local turn = redis.call('HGET', KEY.judgingTurns, tenant) or '0'
  redis.call('ZADD', KEY.judging, turn, tenant)
end

local function leave_judge_queue(id, tenant)
  local queue = PREFIX.judging .. tenant
  if redis.call('ZREM', queue, id) == 0 then return false end
  count(KEY.judgingWaiting, tenant, -1)
  if redis.call('EXISTS', queue) == 0 then redis.call('ZREM', KEY.judging, tenant) end
  return true
end

local function tell_change(id)
  redis.call('HINCRBY', PREFIX.submission .. id, 'cursor', 1)
  redis.call('PUBLISH', CONST.EVENTS_CHANNEL, CONST.SUBMISSION_CHANGED .. id)
end
