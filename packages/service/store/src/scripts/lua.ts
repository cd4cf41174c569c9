import { ALL_TENANTS, KEYS, PREFIXES } from '../keys.js';
import { SCHEMA } from '../schema.js';

/**
 * What the scripts share. Fields of a run: state (queued, running, done), attempt, deaths, tenant, batch,
 * priority, submitted, engine, limits, request, callback, trace, live, counted, cancel, node, cell, result;
 * claim, the name of the current claim, and epoch, when that was; `blamed:CLAIM` where the end of that claim
 * counts as a death, strays; size (scripts/bytes.ts), idem (the name of its idempotency key), due (its
 * callback was neither sent nor given up), dead (it is among the dead letters, with `message`), purge (it
 * leaves when it ends). Fields of a batch beside what BatchFacts shows: intake, size, idem; purge (it is
 * being removed; `last`: with the end of its last run), purged (the number of its purged runs).
 *
 * Scores are written out in full: as a number alone, Redis would take fourteen digits of them.
 */

/** `now()`: Redis's time, milliseconds. The callers' clocks do not matter. */
export const NOW = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function text(number) return string.format('%.0f', number) end
`;

/**
 * `places(count)`: a function that assigns `count` runs, each by its priority, their places in the tenant's
 * backlog. By priority first, then by number: 100 times 2^43 and a sequence below that are exact in a double.
 */
export const PLACES = `
local function places(count)
  local sequence = redis.call('INCRBY', '${KEYS.sequence}', count) - count
  return function(priority)
    sequence = sequence + 1
    return string.format('%.0f', tonumber(priority) * 8796093022208 + sequence)
  end
end
`;

/**
 * `activate(tenant)`: a tenant with a backlog is served from now on; time that it did not want is not saved
 * up.
 */
export const ACTIVATE = `
local function activate(tenant)
  if redis.call('ZSCORE', '${KEYS.active}', tenant) then return end
  local clock = tonumber(redis.call('GET', '${KEYS.clock}') or '0')
  local own = tonumber(redis.call('HGET', '${KEYS.times}', tenant) or '0')
  redis.call('ZADD', '${KEYS.active}', string.format('%.17g', math.max(clock, own)), tenant)
end
`;

/**
 * `settings(tenant)`: weight; maxQueued and maxRunning (0: no limit of its own); maxQueuedBytes and
 * maxKeptBytes (0: the share that every tenant has).
 */
export const SETTINGS = `
local function settings(tenant)
  local text = redis.call('HGET', '${KEYS.tenants}', tenant)
  local own = text and cjson.decode(text) or {weight = 1, maxQueued = 0, maxRunning = 0}
  own.maxQueuedBytes = own.maxQueuedBytes or 0
  own.maxKeptBytes = own.maxKeptBytes or 0
  return own
end
`;

/**
 * `room(tenant, runs, bytes, bounds, own)`: whether the given number of further runs and bytes may wait;
 * bounds are runs and bytes of all, then the share of a tenant that has no limit of its own; own, what is
 * there already of the same submission. Returns nil; newer, the tenant and its schema, where its settings are
 * a newer build's; or what is full, how much is there, and how much may be; too-large, where there will never
 * be room. Needs BYTES and SETTINGS.
 */
export const ROOM = `
local function room(tenant, runs, bytes, bounds, own)
  local limits = settings(tenant)
  -- There may be a limit among them that this build does not know of.
  if (limits.schema or 1) > ${SCHEMA} then return {'newer', tenant, string.format('%.0f', limits.schema)} end
  local function check(verdict, there, more, most)
    if there + more > most then return {verdict, string.format('%.0f', there), string.format('%.0f', most)} end
  end
  local most_runs = limits.maxQueued > 0 and limits.maxQueued or tonumber(bounds[3])
  local most_bytes = limits.maxQueuedBytes > 0 and limits.maxQueuedBytes or tonumber(bounds[4])
  local all = tonumber(redis.call('GET', '${KEYS.backlogs}') or '0')
  return check('too-large', own or 0, bytes, math.min(most_bytes, tonumber(bounds[2])))
    or check('queue-full', all, runs, tonumber(bounds[1]))
    or check('queue-bytes', counted('${KEYS.queuedBytes}', '${ALL_TENANTS}'), bytes, tonumber(bounds[2]))
    or check('tenant-full', redis.call('ZCARD', '${PREFIXES.backlog}' .. tenant), runs, most_runs)
    or check('tenant-bytes', counted('${KEYS.queuedBytes}', tenant), bytes, most_bytes)
end
`;
