-- Judges a submission again, on another version of its problem. Its verdict so far goes into its history.
--
-- KEYS: the submission
-- ARGV: id, version or '' for the latest
-- Reply: 'queued'; 'waiting' when it has not ended, 'no-problem' when there is no such version, 'missing'
-- @include bytes
-- @include decimal
-- @include judge-queue
-- @include now

local submission_key = unpack(KEYS)
local id, version = unpack(ARGV)

local state, tenant, problem, verdict, score, judged_version, ended, history = unpack(redis.call('HMGET',
  submission_key, 'state', 'tenant', 'problem', 'verdict', 'score', 'version', 'ended', 'history'))
if not state then return 'missing' end
if state ~= 'done' and state ~= 'cancelled' then return 'waiting' end
local problem_key = PREFIX.problem .. tenant .. ':' .. problem
if version == '' then version = redis.call('HGET', problem_key, 'latest') or '' end
if redis.call('HEXISTS', problem_key, 'facts:' .. version) == 0 then return 'no-problem' end

if state == 'done' then
  local entries = cjson.decode(history or '[]')
  table.insert(entries, {verdict = verdict, score = score, version = judged_version, ended = ended})
  while #entries > CONST.MAX_HISTORY do table.remove(entries, 1) end
  local text = cjson.encode(entries)
  local more = held(#text) - held(#(history or ''))
  redis.call('HINCRBY', submission_key, 'size', more)
  count(KEY.submissionBytes, tenant, more)
  redis.call('HSET', submission_key, 'history', text)
end
redis.call('HSET', submission_key, 'state', 'queued', 'version', version)
redis.call('HINCRBY', submission_key, 'generation', 1)
redis.call('HDEL', submission_key, 'ended')
redis.call('ZREM', KEY.judged, id)
redis.call('ZREM', PREFIX.judged .. tenant, id)
wait_for_judge(id, tenant, decimal(now()))
tell_change(id)
return 'queued'
