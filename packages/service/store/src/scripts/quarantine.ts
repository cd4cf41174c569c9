import { KEYS, PREFIXES } from '../keys.js';
import { Script } from '../script.js';
import { NOW } from './lua.js';

/**
 * Runs that wait outside of the queue until a time (`deferred`): those in quarantine, and those that no node
 * has taken that could read them. docs/decisions/0002-quarantine.md says why it is as it is.
 *
 * A run is in quarantine from the first crash of its worker until its end. Field `quarantine`: `cell` where
 * its own cell died and the node lives, `node` where the node died, and with it perhaps others' runs. Field
 * `avoid`: the node where it happened. `quarantined` holds those that are with the queue or a node now: few,
 * and one of a tenant at a time.
 */

/** Delay before the next attempt, milliseconds; four times as long after the second crash. */
const FIRST_BACK_OFF_MS = 1_000;

/** How often a run is passed on because the node that took it is the one to avoid; then that may have it. */
const MAX_PASSES = 20;
const PASS_MS = 500;

/**
 * `defer(id, ms)`: out of the queue until then. `quarantine(id, deaths, most, kind, node)`: the same after a
 * death; a run that is to be given up is so without delay.
 */
export const QUARANTINE = `
local function defer(id, ms)
  local run = '${PREFIXES.run}' .. id
  redis.call('HSET', run, 'state', 'queued')
  redis.call('HDEL', run, 'node', 'cell', 'claim')
  redis.call('ZREM', '${KEYS.running}', id)
  redis.call('ZREM', '${KEYS.dispatched}', id)
  redis.call('SREM', '${KEYS.quarantined}', id)
  redis.call('ZADD', '${KEYS.deferred}', text(now() + ms), id)
end
local function quarantine(id, deaths, most, kind, node)
  local run = '${PREFIXES.run}' .. id
  if kind == 'node' or redis.call('HGET', run, 'quarantine') ~= 'node' then
    redis.call('HSET', run, 'quarantine', kind)
  end
  redis.call('HSET', run, 'avoid', node or '', 'passed', '0')
  defer(id, deaths >= most and 0 or ${FIRST_BACK_OFF_MS} * 4 ^ (deaths - 1))
end
`;

/**
 * `pass(id, node, avoid)`: whether the run goes elsewhere, for it is this node's where it died and another
 * one is there.
 */
export const PASS = `
local function another(node)
  local time = now()
  local nodes = redis.call('HGETALL', '${KEYS.nodes}')
  for i = 1, #nodes, 2 do
    local at, report = string.match(nodes[i + 1], '^(%d+) (.*)$')
    local lease = report and string.match(report, '"leaseMs":(%d+)')
    if nodes[i] ~= node and lease and time - at <= tonumber(lease) and string.find(report, '"state":"ready"', 1, true) then
      return true
    end
  end
  return false
end
local function pass(id, node, avoid)
  if avoid ~= node or not another(node) then return false end
  if redis.call('HINCRBY', '${PREFIXES.run}' .. id, 'passed', 1) > ${MAX_PASSES} then return false end
  defer(id, ${PASS_MS})
  return true
end
`;

/**
 * Defers an unclaimed run. KEYS: run. ARGV: id, milliseconds. Returns 1, or 0 when a node has
 * it, or it has ended.
 */
export const DEFER = new Script(
  'sandpiperDefer',
  1,
  `${NOW}${QUARANTINE}
if redis.call('HGET', KEYS[1], 'state') ~= 'queued' then return 0 end
defer(ARGV[1], tonumber(ARGV[2]))
return 1
`,
);

/**
 * Takes deferred runs that are due; the caller adds them to the queue. Of those in quarantine at most a given
 * number is in progress at a time, and one per tenant. KEYS: deferred, quarantined, dispatched. ARGV: how
 * many of quarantine may be out, how many are looked at. Returns ids.
 */
export const TAKE_DEFERRED = new Script(
  'sandpiperTakeDeferred',
  3,
  `${NOW}
local tenants, out = {}, 0
for _, id in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local run = redis.call('HMGET', '${PREFIXES.run}' .. id, 'state', 'tenant', 'quarantine')
  if not run[1] or run[1] == 'done' or not run[3] or redis.call('ZSCORE', KEYS[1], id) then
    redis.call('SREM', KEYS[2], id)
  else
    tenants[run[2]] = true
    out = out + 1
  end
end
local ids = {}
local time = now()
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(time), 'LIMIT', 0, ARGV[2])) do
  local run = redis.call('HMGET', '${PREFIXES.run}' .. id, 'state', 'tenant', 'quarantine')
  local takes = false
  if run[1] ~= 'queued' then
    redis.call('ZREM', KEYS[1], id)
  elseif not run[3] then
    takes = true
  elseif out < tonumber(ARGV[1]) and not tenants[run[2]] then
    takes = true
    tenants[run[2]] = true
    out = out + 1
    redis.call('SADD', KEYS[2], id)
  end
  if not takes and run[1] == 'queued' then
    -- Those of others that are due are not to stand behind all of one tenant's.
    redis.call('ZADD', KEYS[1], text(time + ${FIRST_BACK_OFF_MS}), id)
  elseif takes then
    redis.call('ZREM', KEYS[1], id)
    redis.call('ZADD', KEYS[3], text(time), id)
    ids[#ids + 1] = id
  end
end
return ids
`,
);
