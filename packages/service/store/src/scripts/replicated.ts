import { Script } from '../script.js';

/**
 * Checks that changes are on this master, and writes a mark: a WAIT on the same connection then covers the
 * check and everything written here before it, on any connection. It works while Redis has no memory left to
 * give. KEYS: mark. ARGV: for each change its key and what it was: `run` or `batch` that was taken in, `end`
 * of a run. Returns 1 or 0 for each.
 */
export const STAND = new Script(
  'sandpiperStand',
  1,
  `#!lua flags=allow-oom
redis.call('INCR', KEYS[1])
local stand = {}
for i = 1, #ARGV, 2 do
  local there
  if ARGV[i + 1] == 'run' then
    there = redis.call('HEXISTS', ARGV[i], 'state') == 1
  elseif ARGV[i + 1] == 'batch' then
    there = (redis.call('HGET', ARGV[i], 'total') or '') ~= ''
  else
    -- One that was removed since has ended too.
    local state = redis.call('HGET', ARGV[i], 'state')
    there = not state or state == 'done'
  end
  stand[#stand + 1] = there and 1 or 0
end
return stand
`,
);
