-- forget_version(tenant, id, version): a version of a problem leaves, with its package and its bytes. With the last one
--   the problem leaves.
-- @include bytes

local function forget_version(tenant, id, version)
  local problem_key = PREFIX.problem .. tenant .. ':' .. id
  local versions_key = problem_key .. ':versions'
  local bytes = tonumber(redis.call('HGET', problem_key, 'bytes:' .. version) or '0')
  redis.call('ZREM', versions_key, version)
  redis.call('UNLINK', PREFIX.package .. tenant .. ':' .. id .. ':' .. version)
  redis.call('HDEL', problem_key, 'facts:' .. version, 'bytes:' .. version, 'limit:' .. version)
  count(KEY.versions, tenant, -1)
  count(KEY.problemBytes, tenant, -bytes)
  local latest = redis.call('ZRANGE', versions_key, -1, -1)[1]
  if latest then
    redis.call('HSET', problem_key, 'latest', latest)
  else
    redis.call('DEL', problem_key)
    redis.call('ZREM', PREFIX.problems .. tenant, id)
  end
end
