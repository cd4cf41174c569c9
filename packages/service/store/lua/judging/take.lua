#!lua flags=allow-oom
-- Gives a submission to a judge under a lease: first one whose judge has let its lease end, then the oldest of the
-- tenant that was served least recently.
--
-- KEYS: tenants that wait, leased submissions
-- ARGV: name of the claim, lease (milliseconds)
-- Reply: the id, and the number of judges that ended while they judged it; nothing when nothing waits
-- @include decimal
-- @include judge-queue
-- @include now

local judging_key, leased_key = unpack(KEYS)
local claim, lease_ms = unpack(ARGV)
local time = now()

local function give(id)
  local key = PREFIX.submission .. id
  redis.call('ZADD', leased_key, decimal(time + tonumber(lease_ms)), id)
  redis.call('HSET', key, 'claim', claim, 'state', 'judging')
  tell_change(id)
  return {id, redis.call('HGET', key, 'deaths')}
end

local silent = redis.call('ZRANGEBYSCORE', leased_key, '-inf', decimal(time), 'LIMIT', 0, 1)[1]
if silent then
  redis.call('HINCRBY', PREFIX.submission .. silent, 'deaths', 1)
  return give(silent)
end
local tenant = redis.call('ZRANGE', judging_key, 0, 0)[1]
if not tenant then return {} end
local id = redis.call('ZRANGE', PREFIX.judging .. tenant, 0, 0)[1]
if not id then
  redis.call('ZREM', judging_key, tenant)
  return {}
end
leave_judge_queue(id, tenant)
local turn = redis.call('HINCRBY', KEY.judgingTurns, CONST.ALL_TENANTS, 1)
redis.call('HSET', KEY.judgingTurns, tenant, decimal(turn))
if redis.call('ZSCORE', judging_key, tenant) then redis.call('ZADD', judging_key, decimal(turn), tenant) end
return give(id)
