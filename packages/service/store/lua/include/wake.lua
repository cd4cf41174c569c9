-- Nodes that asked for more work than there was are asked again when there is some. A script that wakes nodes returns
-- their names, `woken`, and its caller sends each one a ticket; a node polls too, so a ticket that is lost costs a
-- second.
--
-- wake(runtime, most, avoid): at most so many nodes that have the runtime, each once until it asks for work again.
--   The node `avoid` is woken only when there is no other.

local woken = {}

local function wake(runtime, most, avoid)
  local hungry = PREFIX.hungry .. runtime
  local nodes = redis.call('SPOP', hungry, most)
  if #nodes == 1 and nodes[1] == avoid then
    nodes = redis.call('SPOP', hungry, 1)
    if #nodes == 0 then nodes = {avoid} else redis.call('SADD', hungry, avoid) end
  end
  for _, node in ipairs(nodes) do woken[#woken + 1] = node end
end
