import { KEYS, PREFIXES } from '../keys.js';

/**
 * What the scripts share. Fields of a run: state (queued, running, done), attempt, deaths, tenant, batch, priority,
 * submitted, engine, limits, request, callback, trace, live, counted, cancel, node, cell, result; claim, the name of the
 * current claim, and epoch, when that was; `blamed:CLAIM` where the end of that claim counts as a death, strays.
 *
 * Scores are written out in full: as a number alone, Redis would take fourteen digits of them.
 */

/** `now()`: Redis's own time, milliseconds. The clocks of those who send scripts decide nothing. */
export const NOW = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function text(number) return string.format('%.0f', number) end
`;

/**
 * `places(count)`: a function that gives so many runs, each by its priority, their places in the tenant's backlog. By
 * priority first, then by number: 100 times 2^43 and a sequence below that are exact in a double.
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

/** `activate(tenant)`: a tenant with a backlog is served from now on; time that it did not want is not saved up. */
export const ACTIVATE = `
local function activate(tenant)
  if redis.call('ZSCORE', '${KEYS.active}', tenant) then return end
  local clock = tonumber(redis.call('GET', '${KEYS.clock}') or '0')
  local own = tonumber(redis.call('HGET', '${KEYS.times}', tenant) or '0')
  redis.call('ZADD', '${KEYS.active}', string.format('%.17g', math.max(clock, own)), tenant)
end
`;

/** `settings(tenant)`: weight, maxQueued and maxRunning (0: no limit of its own). */
export const SETTINGS = `
local function settings(tenant)
  local text = redis.call('HGET', '${KEYS.tenants}', tenant)
  if not text then return {weight = 1, maxQueued = 0, maxRunning = 0} end
  return cjson.decode(text)
end
`;

/**
 * `room(tenant, count, most)`: whether that many more may wait. Returns nil, or what is full and how many wait there.
 */
export const ROOM = `
local function room(tenant, count, most)
  local all = tonumber(redis.call('GET', '${KEYS.backlogs}') or '0')
  if all + count > tonumber(most) then return {'queue-full', tostring(all)} end
  local own = settings(tenant).maxQueued
  local waiting = redis.call('ZCARD', '${PREFIXES.backlog}' .. tenant)
  if own > 0 and waiting + count > own then return {'tenant-full', tostring(waiting)} end
  return nil
end
`;

/** `forget_oldest(most)`: ended runs above that number leave, some at a time, the oldest first. */
export const FORGET_OLDEST = `
local function forget_oldest(most)
  local excess = redis.call('ZCARD', '${KEYS.ended}') - most
  if excess <= 0 then return end
  for _, id in ipairs(redis.call('ZRANGE', '${KEYS.ended}', 0, math.min(excess, 16) - 1)) do
    redis.call('ZREM', '${KEYS.ended}', id)
    redis.call('ZREM', '${KEYS.dead}', id)
    redis.call('DEL', '${PREFIXES.run}' .. id)
  end
end
`;
