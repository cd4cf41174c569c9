import { LIVE_BOUNDS } from '@sandpiper/contracts';
import { Script } from '../script.js';
import { BYTES, GROW, OVERHEAD } from './bytes.js';
import { ROOM, SETTINGS } from './lua.js';

/**
 * The streams of a live run. Fields of the hash: fed (bytes of input that are here), consumed (bytes that the
 * program has taken, by its furthest attempt), wanted (it has asked for some), ended (no more may come),
 * interrupts (a counter), in and out (what the two streams take in Redis, bytes; parts of the run's size).
 *
 * An entry's id says where it ends: `0-BYTES` in the input, `EPOCH-BYTES` in the output, stdout and stderr
 * counted together; the epoch is that of the claim (CLAIM), for the number of an attempt may repeat after a
 * failover. So Redis itself refuses what was sent twice (a client that reconnects sends again what had no
 * answer), and what a node writes that has lost its run to another. Each change is published on the channel
 * of the stream's name: a hint to read again, never the only copy.
 */

/** How long they are kept after the end, seconds; the result also has all output. */
export const LIVE_KEPT_SECONDS = 600;

/**
 * An attempt begins: the output of those before it leaves. KEYS: run, hash, out. ARGV: claim, epoch. Returns
 * how often it was interrupted before, or -1 when the claim is not the current one.
 */
export const BEGIN_LIVE = new Script(
  'sandpiperBeginLive',
  3,
  `#!lua flags=allow-oom
${BYTES}${GROW}
local run = redis.call('HMGET', KEYS[1], 'claim', 'tenant', 'state')
if run[1] ~= ARGV[1] or run[3] ~= 'running' then return -1 end
local added = redis.pcall('XADD', KEYS[3], ARGV[2] .. '-0', 'b', '')
if type(added) ~= 'table' then
  redis.call('XTRIM', KEYS[3], 'MINID', ARGV[2] .. '-0')
  grow(KEYS[1], run[2], -tonumber(redis.call('HGET', KEYS[2], 'out') or '0'))
  redis.call('HDEL', KEYS[2], 'out')
end
redis.call('PUBLISH', KEYS[3], '')
return tonumber(redis.call('HGET', KEYS[2], 'interrupts') or '0')
`,
);

/**
 * The program has written. KEYS: run, hash, out. ARGV: claim, epoch, bytes altogether with these, then 'o' or
 * 'e' and the bytes, as often as it changed between the two. Returns 1; 0 when the claim is not the current
 * one.
 */
export const APPEND_OUTPUT = new Script(
  'sandpiperAppendOutput',
  3,
  `${BYTES}${GROW}
local run = redis.call('HMGET', KEYS[1], 'state', 'claim', 'tenant')
if run[1] ~= 'running' or run[2] ~= ARGV[1] then return 0 end
local added = redis.pcall('XADD', KEYS[3], ARGV[2] .. '-' .. ARGV[3], unpack(ARGV, 4))
if type(added) == 'table' and added.err then
  -- It is there already, and its answer was lost.
  if string.find(added.err, 'equal or smaller', 1, true) then return 1 end
  return added
end
local size = 0
for i = 5, #ARGV, 2 do size = size + #ARGV[i] end
size = held(size + ${OVERHEAD.liveEntry})
redis.call('HINCRBY', KEYS[2], 'out', size)
grow(KEYS[1], run[3], size)
redis.call('PUBLISH', KEYS[3], '')
return 1
`,
);

/**
 * What followers see, in one step: once a run is done, all of its output is there. KEYS: run, hash, out.
 * ARGV: id after which entries are read, how many. Returns {state, attempt, live, epoch, fed, consumed,
 * wanted, ended, entries}, or false.
 */
export const LOOK_LIVE = new Script(
  'sandpiperLookLive',
  3,
  `
local run = redis.call('HMGET', KEYS[1], 'state', 'attempt', 'live', 'epoch', 'schema')
if not run[1] then return false end
local live = redis.call('HMGET', KEYS[2], 'fed', 'consumed', 'wanted', 'ended')
local entries = redis.call('XRANGE', KEYS[3], ARGV[1], '+', 'COUNT', ARGV[2])
return {run[1], run[2], run[3] or '0', run[4] or run[2], live[1] or '0', live[2] or '0', live[3] or '0', live[4] or '0', entries,
  run[5] or '1'}
`,
);

/**
 * Feeds the run. KEYS: run, hash, in, out. ARGV: offset of the bytes in the input, or '' to append; the
 * bytes; '1' when the input ends after them; the bounds of ROOM. Bytes that were received already are left
 * out. Returns {verdict, bytes that are here}: ok, missing, done, not-live, gap (they begin behind what is
 * here), ended, too-large, too-fast or full.
 */
export const FEED_INPUT = new Script(
  'sandpiperFeedInput',
  4,
  `${SETTINGS}${BYTES}${ROOM}${GROW}
local run = redis.call('HMGET', KEYS[1], 'state', 'live', 'tenant')
if not run[1] then return {'missing', '0'} end
local live = redis.call('HMGET', KEYS[2], 'fed', 'consumed', 'ended')
local fed = tonumber(live[1] or '0')
local function answer(verdict) return {verdict, string.format('%.0f', fed)} end
if run[2] ~= '1' then return answer('not-live') end
if run[1] == 'done' then return answer('done') end
local data = ARGV[2]
if ARGV[1] ~= '' then
  local at = tonumber(ARGV[1])
  if at > fed then return answer('gap') end
  data = string.sub(data, fed - at + 1)
end
if #data > 0 then
  if live[3] then return answer('ended') end
  if fed + #data > ${LIVE_BOUNDS.input} then return answer('too-large') end
  if fed + #data > tonumber(live[2] or '0') + ${LIVE_BOUNDS.window} then return answer('too-fast') end
  local size = held(#data + ${OVERHEAD.liveEntry})
  if room(run[3], 0, size, {unpack(ARGV, 4, 7)}) then return answer('full') end
  redis.call('XADD', KEYS[3], '0-' .. string.format('%.0f', fed + #data), 'd', data)
  redis.call('HINCRBY', KEYS[2], 'in', size)
  grow(KEYS[1], run[3], size)
  fed = fed + #data
  redis.call('HSET', KEYS[2], 'fed', string.format('%.0f', fed))
end
if ARGV[3] == '1' then redis.call('HSET', KEYS[2], 'ended', '1') end
redis.call('PUBLISH', KEYS[3], '')
redis.call('PUBLISH', KEYS[4], '')
return answer('ok')
`,
);

/**
 * What the node of a run sees, and tells. KEYS: run, hash, in, out, feeder. ARGV: claim, bytes of the input
 * that the program has, '1' when it waits for more, how many entries to read at most (0: none). Returns
 * {interrupts, ended, fed, whether a feeder is connected, entries}, or false when the claim is
 * not the current one.
 */
export const TAKE_INPUT = new Script(
  'sandpiperTakeInput',
  5,
  `#!lua flags=allow-oom
local run = redis.call('HMGET', KEYS[1], 'state', 'claim')
if run[1] ~= 'running' or run[2] ~= ARGV[1] then return false end
local live = redis.call('HMGET', KEYS[2], 'fed', 'consumed', 'wanted', 'ended', 'interrupts')
local news = false
if tonumber(ARGV[2]) > tonumber(live[2] or '0') then
  redis.call('HSET', KEYS[2], 'consumed', ARGV[2])
  news = true
end
if ARGV[3] == '1' and not live[3] then
  redis.call('HSET', KEYS[2], 'wanted', '1')
  news = true
end
if news then
  redis.call('PUBLISH', KEYS[4], '')
end
local entries = {}
if ARGV[4] ~= '0' then entries = redis.call('XRANGE', KEYS[3], '(0-' .. ARGV[2], '+', 'COUNT', ARGV[4]) end
return {live[5] or '0', live[4] or '0', live[1] or '0', redis.call('EXISTS', KEYS[5]), entries}
`,
);

/** Ends the input of a run without a feeder. KEYS: run, hash, in, out, feeder. ARGV:
 * bytes that the program has; what came meanwhile is not cut off. Returns 1 when it was ended.
 */
export const ORPHAN_INPUT = new Script(
  'sandpiperOrphanInput',
  5,
  `#!lua flags=allow-oom
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then return 0 end
if redis.call('EXISTS', KEYS[5]) == 1 then return 0 end
if tonumber(redis.call('HGET', KEYS[2], 'fed') or '0') > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[2], 'ended', '1')
redis.call('PUBLISH', KEYS[3], '')
redis.call('PUBLISH', KEYS[4], '')
return 1
`,
);

/** Ctrl-C for a run that runs. KEYS: run, hash, in. Returns 1 when there is one. */
export const INTERRUPT_LIVE = new Script(
  'sandpiperInterruptLive',
  3,
  `#!lua flags=allow-oom
local run = redis.call('HMGET', KEYS[1], 'state', 'live')
if run[1] ~= 'running' or not run[2] then return 0 end
redis.call('HINCRBY', KEYS[2], 'interrupts', 1)
redis.call('PUBLISH', KEYS[3], '')
return 1
`,
);
