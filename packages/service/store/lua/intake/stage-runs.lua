-- Stores runs of a batch beside it. They are in no backlog, so none of them runs before the batch is whole. Their bytes
-- count from now on.
--
-- KEYS: the batch
-- ARGV: id, tenant, schema, trace context or '', name of this attempt, the bounds of room(), then for each run: index,
--   priority, request (JSON), engine, runtime, limits (JSON), callback URL or ''
-- Reply: {'ok'}; {'gone'} when the batch is not there, is whole already, or another attempt has begun it anew; or what
--   room() returns of the bytes
-- @include bytes
-- @include decimal
-- @include now
-- @include places
-- @include room
-- @include staged

local batch_key = unpack(KEYS)
local batch, tenant, schema, trace, intake = unpack(ARGV)
local bounds = {unpack(ARGV, 6, 9)}
local FIRST, FIELDS = 10, 7

local total, current_intake, staged = unpack(redis.call('HMGET', batch_key, 'total', 'intake', 'staged'))
if total ~= '' or current_intake ~= intake then return {'gone'} end

local sizes, bytes = {}, 0
for i = FIRST, #ARGV, FIELDS do
  local _, _, request, _, _, _, callback = unpack(ARGV, i, i + FIELDS - 1)
  sizes[i] = CONST.RUN_BYTES + held(#request) + #callback + #trace
  bytes = bytes + sizes[i]
end
local full = room(tenant, 0, bytes, bounds, tonumber(staged or '0'))
if full then return full end

local place = places((#ARGV - FIRST + 1) / FIELDS)
local submitted = decimal(now())
local runtimes = {}
for _, runtime in ipairs(staged_runtimes(batch)) do runtimes[runtime] = true end
for i = FIRST, #ARGV, FIELDS do
  local index, priority, request, engine, runtime, limits, callback = unpack(ARGV, i, i + FIELDS - 1)
  local id = batch .. '-' .. index
  redis.call('HSET', PREFIX.run .. id, 'state', 'queued', 'attempt', '0', 'deaths', '0', 'batch', batch,
    'tenant', tenant, 'priority', priority, 'request', request, 'engine', engine, 'limits', limits, 'schema', schema,
    'submitted', submitted, 'callback', callback, 'trace', trace, 'size', sizes[i])
  if runtime ~= CONST.DEFAULT_RUNTIME then redis.call('HSET', PREFIX.run .. id, 'runtime', runtime) end
  redis.call('ZADD', staged_key(batch, runtime), place(priority), id)
  runtimes[runtime] = true
end
local names = {}
for runtime in pairs(runtimes) do names[#names + 1] = runtime end
redis.call('HSET', batch_key, 'runtimes', table.concat(names, ' '))
redis.call('HINCRBY', batch_key, 'staged', bytes)
count(KEY.queuedBytes, tenant, bytes)
return {'ok'}
