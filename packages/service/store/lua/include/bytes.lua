-- What records cost Redis, in bytes (constants and formula: src/scripts/constants.ts).
--
-- held(length): the memory of a string of that length. jemalloc has four sizes between two powers of two, and a string
--   has a header.
-- key_bytes(name): the memory of an idempotency key; 0 for nil and ''.
-- count(counters, tenant, by): adds to the counter of the tenant and to the sum of all tenants; a counter at 0 leaves.
-- counted(counters, tenant): the value of a counter.
-- @include decimal

local function held(length)
  if length == 0 then return 0 end
  local size = length + 10
  local _, exponent = math.frexp(size)
  local step = math.max(16, 2 ^ (exponent - 3))
  return math.ceil(size / step) * step
end

local function key_bytes(name)
  if not name or name == '' then return 0 end
  return CONST.IDEMPOTENCY_KEY_BYTES + 2 * #name
end

local function count(counters, tenant, by)
  if by == 0 then return end
  local change = decimal(by)
  for _, field in ipairs({tenant, CONST.ALL_TENANTS}) do
    if redis.call('HINCRBY', counters, field, change) == 0 then redis.call('HDEL', counters, field) end
  end
end

local function counted(counters, tenant)
  return tonumber(redis.call('HGET', counters, tenant) or '0')
end
