#!lua flags=allow-oom
-- Looks whether changes stand on this master, and writes a mark: a WAIT on the same connection then covers this look
-- and every earlier write to this master, on any connection. It works while Redis is out of memory.
--
-- KEYS: replicated (the mark)
-- ARGV: for each change the key of its record, and what happened: `run`, `batch` or `submission` (it was accepted) or
--   `end` (of a run)
-- Reply: a list with 1 or 0 for each change

local mark_key = unpack(KEYS)

redis.call('INCR', mark_key)
local stand = {}
for i = 1, #ARGV, 2 do
  local record_key, change = unpack(ARGV, i, i + 1)
  local there
  if change == 'run' or change == 'submission' then
    there = redis.call('HEXISTS', record_key, 'state') == 1
  elseif change == 'batch' then
    there = (redis.call('HGET', record_key, 'total') or '') ~= ''
  else
    -- A run that was removed since has ended too.
    local state = redis.call('HGET', record_key, 'state')
    there = not state or state == 'done'
  end
  stand[#stand + 1] = there and 1 or 0
end
return stand
