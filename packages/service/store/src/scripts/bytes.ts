import { ALL_TENANTS, KEYS } from '../keys.js';

/**
 * What records cost Redis, in bytes, as the scripts that store and remove them count it. Each script moves
 * the counters in the step in which it moves the record, so they are exact sums of the field `size` of runs
 * and batches:
 *
 *   run     OVERHEAD.run + held(request) + held(result) + callback + trace + its idempotency key + its live streams
 *   batch   OVERHEAD.batch + name + its idempotency key + 8 for each run
 *
 * A run counts as queued until it ends and as kept afterwards. OVERHEAD is what Redis 7 needs beside the
 * payload (measured as used_memory for 10,000 short runs; test/bytes.redis.test.ts holds the sums against
 * Redis's own figure).
 */
export const OVERHEAD = {
  /** The hash with its small fields, its place in the backlog or among the ended. */
  run: 1400,
  batch: 700,
  /** A key beside the two copies of its name. */
  idempotencyKey: 240,
  /** A hash and two streams with one block each. */
  live: 10_240,
  /** What a stream holds beside the bytes of one entry. */
  liveEntry: 48,
  /** The index of a run in the list of those that ended. */
  batchRun: 8,
} as const;

/**
 * `held(length)`: what a string of that length takes: jemalloc has four sizes between two powers of two, and
 * a string has a header. `key_bytes(name)`: an idempotency key. `count(key, tenant, by)`: moves a counter of
 * the tenant and that of all.
 */
export const BYTES = `
local function held(length)
  if length == 0 then return 0 end
  local size = length + 10
  local _, exponent = math.frexp(size)
  local step = math.max(16, 2 ^ (exponent - 3))
  return math.ceil(size / step) * step
end
local function key_bytes(name)
  if not name or name == '' then return 0 end
  return ${OVERHEAD.idempotencyKey} + 2 * #name
end
local function count(key, tenant, by)
  if by == 0 then return end
  local text = string.format('%.0f', by)
  for _, field in ipairs({tenant, '${ALL_TENANTS}'}) do
    if redis.call('HINCRBY', key, field, text) == 0 then redis.call('HDEL', key, field) end
  end
end
local function counted(key, tenant)
  return tonumber(redis.call('HGET', key, tenant) or '0')
end
`;

/** `grow(run, tenant, by)`: a run that has not ended takes that much more, or less. Needs BYTES. */
export const GROW = `
local function grow(run, tenant, by)
  if by == 0 then return end
  redis.call('HINCRBY', run, 'size', string.format('%.0f', by))
  count('${KEYS.queuedBytes}', tenant, by)
end
`;
