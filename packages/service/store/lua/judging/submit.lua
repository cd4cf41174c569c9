-- Accepts a submission: idempotency key, room, the submission and its place in the queue of the judges change in one
-- step. Without a version it is for the latest one.
--
-- KEYS: the submission; its idempotency key (any key of ours when it has none); the problem
-- ARGV: id, tenant, problem, version or '', program (JSON), label, '1' to run all tests, schema, '1' if there is an
--   idempotency key, fingerprint, trace context or '', then the bounds: waiting submissions of all tenants and of a
--   tenant, bytes of all and of a tenant
-- Reply: {'accepted', id}; {'same' or 'different', id of the earlier one}; {'no-problem'}; {'all-waiting',
--   'tenant-waiting', 'all-bytes' or 'tenant-bytes', what is there, what may be there}
-- @include bytes
-- @include decimal
-- @include judge-queue
-- @include make-room
-- @include now

local submission_key, idempotency_key, problem_key = unpack(KEYS)
local id, tenant, problem, version, program, label, runs_all, schema, has_key, fingerprint, trace = unpack(ARGV)
local all_waiting, share_waiting, all_bytes, share_bytes = unpack(ARGV, 12, 15)

if has_key == '1' then
  local earlier = redis.call('GET', idempotency_key)
  if earlier then
    local earlier_id, earlier_fingerprint = string.match(earlier, '^(%S+) (%S+)$')
    if redis.call('EXISTS', PREFIX.submission .. earlier_id) == 1 then
      return {earlier_fingerprint == fingerprint and 'same' or 'different', earlier_id}
    end
  end
end

if version == '' then version = redis.call('HGET', problem_key, 'latest') or '' end
if redis.call('HEXISTS', problem_key, 'facts:' .. version) == 0 then return {'no-problem'} end

local key = has_key == '1' and idempotency_key or ''
local size = CONST.SUBMISSION_BYTES + held(#program) + #label + #trace + key_bytes(key)
make_room(tenant, size, tonumber(all_bytes), tonumber(share_bytes))

local function above(outcome, there, more, most)
  if there + more > tonumber(most) then return {outcome, decimal(there), decimal(most)} end
end
local full = above('tenant-waiting', counted(KEY.judgingWaiting, tenant), 1, share_waiting)
  or above('all-waiting', counted(KEY.judgingWaiting, CONST.ALL_TENANTS), 1, all_waiting)
  or above('tenant-bytes', counted(KEY.submissionBytes, tenant), size, share_bytes)
  or above('all-bytes', counted(KEY.submissionBytes, CONST.ALL_TENANTS), size, all_bytes)
if full then return full end

local time = decimal(now())
redis.call('HSET', submission_key, 'tenant', tenant, 'problem', problem, 'version', version, 'program', program,
  'label', label, 'all', runs_all, 'schema', schema, 'trace', trace, 'state', 'queued', 'submitted', time,
  'size', size, 'cursor', '1', 'generation', '1', 'deaths', '0', 'faults', '0')
if key ~= '' then
  redis.call('SET', key, id .. ' ' .. fingerprint)
  redis.call('HSET', submission_key, 'idem', key)
end
redis.call('ZADD', PREFIX.submissions .. tenant, time, id)
redis.call('ZADD', PREFIX.submitted .. tenant .. ':' .. problem, time, id)
count(KEY.submissionBytes, tenant, size)
wait_for_judge(id, tenant, time)
redis.call('PUBLISH', CONST.EVENTS_CHANNEL, CONST.SUBMISSION_CHANGED .. id)
return {'accepted', id}
