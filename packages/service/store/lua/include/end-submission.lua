-- end_submission(id, tenant, state, time): a submission was judged or cancelled: it leaves what waits and runs, and is
--   kept among the ended ones.
-- forget_submission(id): it leaves, with all that is kept of it.
-- @include bytes
-- @include decimal
-- @include judge-queue

local function end_submission(id, tenant, state, time)
  leave_judge_queue(id, tenant)
  redis.call('ZREM', KEY.judgingLeased, id)
  local key = PREFIX.submission .. id
  redis.call('HSET', key, 'state', state, 'ended', decimal(time))
  redis.call('HDEL', key, 'claim', 'cancel', 'progress')
  redis.call('ZADD', KEY.judged, decimal(time), id)
  redis.call('ZADD', PREFIX.judged .. tenant, decimal(time), id)
  tell_change(id)
end

local function forget_submission(id)
  local key = PREFIX.submission .. id
  local tenant, problem, size, idem = unpack(redis.call('HMGET', key, 'tenant', 'problem', 'size', 'idem'))
  redis.call('ZREM', KEY.judged, id)
  if not tenant then return end
  leave_judge_queue(id, tenant)
  redis.call('ZREM', KEY.judgingLeased, id)
  redis.call('ZREM', PREFIX.judged .. tenant, id)
  redis.call('ZREM', PREFIX.submissions .. tenant, id)
  redis.call('ZREM', PREFIX.submitted .. tenant .. ':' .. problem, id)
  count(KEY.submissionBytes, tenant, -tonumber(size))
  if idem then
    local named = redis.call('GET', idem)
    if named and string.match(named, '^(%S+)') == id then redis.call('DEL', idem) end
  end
  redis.call('PUBLISH', CONST.EVENTS_CHANNEL, CONST.SUBMISSION_CHANGED .. id)
  redis.call('UNLINK', key)
end
