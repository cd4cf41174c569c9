import { EVENTS_CHANNEL, KEYS, PREFIXES } from '../keys.js';
import { ACTIVATE, NOW } from './lua.js';
import { BYTES } from './bytes.js';

/**
 * Eviction bonus of a record whose callback is still due, milliseconds: a week, as long as a failed callback
 * can be retried by hand. Such records are the last of their tenant to be evicted.
 */
export const CALLBACK_RANK_MS = 7 * 24 * 3600 * 1000;

/** The member name of a batch among the ended records of its tenant; a run uses its bare id. */
export const BATCH_MEMBER = 'batch ';

/**
 * The end of records. Includes NOW and BYTES. `keep(tenant, member, bytes, score)`: a record that was queued
 * is kept from now on. `forget_run(id)` and `forget_batch(id)`: an ended record leaves with all that belongs
 * to it. `discard_run(id)`: a run that was never in a backlog leaves. UNLINK, so that large values are freed
 * beside the thread that serves.
 */
export const FORGET = `${NOW}${BYTES}
local function keep(tenant, member, bytes, score)
  count('${KEYS.queuedBytes}', tenant, -bytes)
  count('${KEYS.keptBytes}', tenant, bytes)
  count('${KEYS.kept}', tenant, redis.call('ZADD', '${PREFIXES.ended}' .. tenant, string.format('%.0f', score), member))
  redis.call('ZADD', '${KEYS.keeping}', 'NX', '0', tenant)
end
local function unlist(tenant, member)
  count('${KEYS.kept}', tenant, -redis.call('ZREM', '${PREFIXES.ended}' .. tenant, member))
end
local function forget_key(name, id)
  if not name or name == '' then return end
  local owner = redis.call('GET', name)
  if owner and string.match(owner, '^(%S+)') == id then redis.call('UNLINK', name) end
end
local function forget_live(id)
  local live = '${PREFIXES.live}' .. id
  redis.call('UNLINK', live, live .. ':out', live .. ':in', live .. ':feeder')
  redis.call('ZREM', '${KEYS.liveEnded}', id)
end
local function forget_run(id)
  local key = '${PREFIXES.run}' .. id
  local run = redis.call('HMGET', key, 'tenant', 'size', 'idem', 'live', 'due', 'dead')
  local tenant = run[1]
  if not tenant then return end
  unlist(tenant, id)
  forget_key(run[3], id)
  if run[4] then forget_live(id) end
  if run[5] then redis.call('ZREM', '${KEYS.callbacks}', id) end
  if run[6] then
    redis.call('ZREM', '${KEYS.dead}', id)
    redis.call('ZREM', '${PREFIXES.dead}' .. tenant, id)
  end
  redis.call('UNLINK', key)
  count('${KEYS.keptBytes}', tenant, -tonumber(run[2] or '0'))
end
local function discard_run(id)
  local key = '${PREFIXES.run}' .. id
  local run = redis.call('HMGET', key, 'tenant', 'size', 'state', 'idem', 'live')
  if not run[1] then return end
  if run[3] == 'done' then return forget_run(id) end
  forget_key(run[4], id)
  if run[5] then forget_live(id) end
  redis.call('UNLINK', key)
  count('${KEYS.queuedBytes}', run[1], -tonumber(run[2] or '0'))
end
local function forget_batch(id)
  local key = '${PREFIXES.batch}' .. id
  local batch = redis.call('HMGET', key, 'tenant', 'size', 'idem')
  if not batch[1] then return end
  unlist(batch[1], '${BATCH_MEMBER}' .. id)
  forget_key(batch[3], id)
  redis.call('UNLINK', key, key .. ':ended', key .. ':staged')
  redis.call('ZREM', '${KEYS.purging}', id)
  count('${KEYS.keptBytes}', batch[1], -tonumber(batch[2] or '0'))
end
`;

/**
 * What every end of a run does, beside storing its result. Includes FORGET. `leave_queue(id, tenant, state,
 * counted)`: nothing of it waits or runs any more. `end_in_batch(id, status, index, time)`: the batch counts
 * it, and is kept when it was the last. `tell_end(...)`: notifies those that wait for it.
 */
export const END = `${ACTIVATE}${FORGET}
local function leave_queue(id, tenant, state, was_counted)
  -- What a node has claimed is not with the queue unclaimed.
  if state == 'queued' then redis.call('ZREM', '${KEYS.dispatched}', id) end
  redis.call('ZREM', '${KEYS.running}', id)
  redis.call('ZREM', '${KEYS.deferred}', id)
  redis.call('SREM', '${KEYS.quarantined}', id)
  if was_counted then
    if redis.call('HINCRBY', '${KEYS.inflight}', tenant, -1) <= 0 then redis.call('HDEL', '${KEYS.inflight}', tenant) end
    if redis.call('EXISTS', '${PREFIXES.backlog}' .. tenant) == 1 then activate(tenant) end
  elseif redis.call('ZREM', '${PREFIXES.backlog}' .. tenant, id) == 1 then
    redis.call('DECR', '${KEYS.backlogs}')
  end
end
local function end_in_batch(id, status, index, time)
  local key = '${PREFIXES.batch}' .. id
  local batch = redis.call('HMGET', key, 'total', 'tenant', 'size', 'purge')
  if not batch[1] then return false end
  local done = redis.call('HINCRBY', key, 'done', 1)
  redis.call('HINCRBY', key, 'status:' .. status, 1)
  redis.call('RPUSH', key .. ':ended', index)
  if done ~= tonumber(batch[1]) then return false end
  keep(batch[2], '${BATCH_MEMBER}' .. id, tonumber(batch[3] or '0'), time)
  if batch[4] == 'last' then forget_batch(id) end
  return true
end
local function tell_end(id, batch, batch_done, callback)
  redis.call('PUBLISH', '${EVENTS_CHANNEL}',
    id .. ' ' .. (batch == '' and '-' or batch) .. ' ' .. (batch_done and '1' or '0') .. ' ' .. (callback and '1' or '0'))
end
`;
