#!lua flags=allow-oom
-- Removes a version of a problem, or all of them.
--
-- KEYS: the problem
-- ARGV: tenant, id, version or '' for all
-- Reply: how many versions were removed
-- @include forget-problem

local problem_key = unpack(KEYS)
local tenant, id, version = unpack(ARGV)

local versions_key = problem_key .. ':versions'
local leaving = version == '' and redis.call('ZRANGE', versions_key, 0, -1) or {version}
local removed = 0
for _, one in ipairs(leaving) do
  if redis.call('ZSCORE', versions_key, one) then
    forget_version(tenant, id, one)
    removed = removed + 1
  end
end
return removed
