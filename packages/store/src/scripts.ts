/**
 * The changes of state that must be atomic, as Lua. Redis runs one script at a time, so each is a compare-and-set.
 * Fields of a run: state (queued, running, done), attempt, batch, submitted, engine, limits, cancel, node, cell,
 * enqueued, result.
 */

/**
 * Creates a run unless it is there. It expires until the queue has it: a scheduler that dies between the two leaves
 * nothing behind. KEYS: run. ARGV: batch, submitted, engine, limits, seconds. Returns 1 when it was created.
 */
export const CREATE_RUN = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'state', 'queued', 'attempt', '0', 'batch', ARGV[1], 'submitted', ARGV[2],
  'engine', ARGV[3], 'limits', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1
`;

/** The queue has the run: it stays until it has ended. KEYS: run. Never touches one that has ended already. */
export const CONFIRM_RUN = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'enqueued', '1')
if redis.call('HGET', KEYS[1], 'state') ~= 'done' then redis.call('PERSIST', KEYS[1]) end
return 1
`;

/** KEYS: batch. ARGV: name, total, seconds. Returns 1 when it was created. Expires until it is confirmed. */
export const CREATE_BATCH = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'name', ARGV[1], 'total', ARGV[2], 'done', '0')
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
`;

/** KEYS: batch. */
export const CONFIRM_BATCH = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'enqueued', '1')
if redis.call('HGET', KEYS[1], 'done') ~= redis.call('HGET', KEYS[1], 'total') then
  redis.call('PERSIST', KEYS[1])
end
return 1
`;

/**
 * A node takes a run. The attempt number that it gets is the fencing token: whoever holds a smaller one is late.
 * KEYS: run. ARGV: node, cell. Returns {verdict, attempt, submitted}; verdict is run, cancel, done or missing.
 */
export const CLAIM = `
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return {'missing', 0, 0} end
if state == 'done' then return {'done', 0, 0} end
local attempt = redis.call('HINCRBY', KEYS[1], 'attempt', 1)
redis.call('HSET', KEYS[1], 'state', 'running', 'node', ARGV[1], 'cell', ARGV[2])
redis.call('PERSIST', KEYS[1])
local verdict = 'run'
if redis.call('HGET', KEYS[1], 'cancel') then verdict = 'cancel' end
return {verdict, attempt, tonumber(redis.call('HGET', KEYS[1], 'submitted'))}
`;

/** The run goes back to the queue. KEYS: run. ARGV: attempt. Returns 1 when the attempt was the current one. */
export const RELEASE = `
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then return 0 end
if redis.call('HGET', KEYS[1], 'attempt') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'state', 'queued')
redis.call('HDEL', KEYS[1], 'node', 'cell')
return 1
`;

/**
 * A run ends, exactly once. Who may end it: the current attempt; a cancel, while no node has it ('queued'); and whoever
 * saw that the queue gave it up ('*'). Counters of the batch move in the same step, so they never disagree with the runs.
 * KEYS: run, batch (any key when there is none), finished counts. ARGV: attempt, result, status, seconds, run id,
 * batch id or '-', channel. Returns accepted, done, stale or missing.
 */
export const FINISH = `
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return 'missing' end
if state == 'done' then return 'done' end
if ARGV[1] == 'queued' then
  if state ~= 'queued' then return 'stale' end
elseif ARGV[1] ~= '*' and redis.call('HGET', KEYS[1], 'attempt') ~= ARGV[1] then
  return 'stale'
end
redis.call('HSET', KEYS[1], 'state', 'done', 'result', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('HINCRBY', KEYS[3], ARGV[3] .. '|' .. redis.call('HGET', KEYS[1], 'engine'), 1)
local batchDone = '0'
if ARGV[6] ~= '-' and redis.call('EXISTS', KEYS[2]) == 1 then
  local done = redis.call('HINCRBY', KEYS[2], 'done', 1)
  redis.call('HINCRBY', KEYS[2], 'status:' .. ARGV[3], 1)
  if done == tonumber(redis.call('HGET', KEYS[2], 'total')) then
    batchDone = '1'
    redis.call('EXPIRE', KEYS[2], ARGV[4])
  end
end
redis.call('PUBLISH', ARGV[7], ARGV[5] .. ' ' .. ARGV[6] .. ' ' .. batchDone)
return 'accepted'
`;

/** Marks a run for cancelling. KEYS: run. Returns its state, or false. */
export const MARK_CANCEL = `
local state = redis.call('HGET', KEYS[1], 'state')
if state and state ~= 'done' then redis.call('HSET', KEYS[1], 'cancel', '1') end
return state
`;
