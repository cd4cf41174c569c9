-- Makes an upload a version of a problem. The same bytes again are the version that is there. Above the most versions
-- of a problem the oldest leave.
--
-- KEYS: the upload; the problem
-- ARGV: tenant, id, version, what it is (JSON), its bytes, then the bounds: versions and bytes of all tenants,
--   versions and bytes of a tenant
-- Reply: {'stored' or 'same'}; {'all-versions', 'all-bytes', 'tenant-versions' or 'tenant-bytes', what is there, what
--   may be there}; {'gone'} when the upload has expired
-- @include bytes
-- @include decimal
-- @include forget-problem
-- @include now

local upload_key, problem_key = unpack(KEYS)
local tenant, id, version, facts, size, all_versions, all_bytes, share_versions, share_bytes = unpack(ARGV)
local versions_key = problem_key .. ':versions'

if redis.call('ZSCORE', versions_key, version) then
  redis.call('UNLINK', upload_key)
  redis.call('HSET', problem_key, 'latest', version)
  redis.call('ZADD', versions_key, decimal(now()), version)
  return {'same'}
end
if redis.call('EXISTS', upload_key) == 0 then return {'gone'} end

local function above(outcome, there, more, most)
  if there + more > tonumber(most) then return {outcome, decimal(there), decimal(most)} end
end
local bytes = tonumber(size)
local full = above('tenant-versions', counted(KEY.versions, tenant), 1, share_versions)
  or above('tenant-bytes', counted(KEY.problemBytes, tenant), bytes, share_bytes)
  or above('all-versions', counted(KEY.versions, CONST.ALL_TENANTS), 1, all_versions)
  or above('all-bytes', counted(KEY.problemBytes, CONST.ALL_TENANTS), bytes, all_bytes)
if full then return full end

while redis.call('ZCARD', versions_key) >= CONST.MAX_VERSIONS do
  forget_version(tenant, id, redis.call('ZRANGE', versions_key, 0, 0)[1])
end
local package_key = PREFIX.package .. tenant .. ':' .. id .. ':' .. version
redis.call('RENAME', upload_key, package_key)
redis.call('PERSIST', package_key)
redis.call('HSET', problem_key, 'latest', version, 'facts:' .. version, facts, 'bytes:' .. version, size)
redis.call('ZADD', versions_key, decimal(now()), version)
redis.call('ZADD', PREFIX.problems .. tenant, 0, id)
count(KEY.versions, tenant, 1)
count(KEY.problemBytes, tenant, bytes)
return {'stored'}
