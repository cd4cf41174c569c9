-- Stores runs of a batch beside it. They are in no backlog, so none of them runs before the batch is whole. Their bytes
-- count from now on.
--
-- KEYS: the batch
-- ARGV: id, tenant, schema, trace context or '', name of this attempt, the bounds of room(), then for each run: index,
--   priority, request (JSON), engine, limits (JSON), callback URL or ''
-- Reply: {'ok'}; {'gone'} when the batch is not there, is whole already, or another attempt has begun it anew; or what
--   room() returns of the bytes
-- @include bytes
-- @include decimal
-- @include now
-- @include places
-- @include room

local batch_key = unpack(KEYS)
local batch, tenant, schema, trace, intake = unpack(ARGV)
local bounds = {unpack(ARGV, 6, 9)}
local FIRST, FIELDS = 10, 6

local total, current_intake, staged = unpack(redis.call('HMGET', batch_key, 'total', 'intake', 'staged'))
if total ~= '' or current_intake ~= intake then return {'gone'} end

local sizes, bytes = {}, 0
for i = FIRST, #ARGV, FIELDS do
  local _, _, request, _, _, callback = unpack(ARGV, i, i + FIELDS - 1)
  sizes[i] = CONST.RUN_BYTES + held(#request) + #callback + #trace
  bytes = bytes + sizes[i]
end
local full = room(tenant, 0, bytes, bounds, tonumber(staged or '0'))
if full then return full end

local place = places((#ARGV - FIRST + 1) / FIELDS)
local submitted = decimal(now())
for i = FIRST, #ARGV, FIELDS do
  local index, priority, request, engine, limits, callback = unpack(ARGV, i, i + FIELDS - 1)
  local id = batch .. '-' .. index
  redis.call('HSET', PREFIX.run .. id, 'state', 'queued', 'attempt', '0', 'deaths', '0', 'batch', batch,
    'tenant', tenant, 'priority', priority, 'request', request, 'engine', engine, 'limits', limits, 'schema', schema,
    'submitted', submitted, 'callback', callback, 'trace', trace, 'size', sizes[i])
  redis.call('ZADD', batch_key .. ':staged', place(priority), id)
end
redis.call('HINCRBY', batch_key, 'staged', bytes)
count(KEY.queuedBytes, tenant, bytes)
return {'ok'}
