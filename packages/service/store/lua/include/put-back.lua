-- put_back(id, tenant, runtime, place, claim): a run that a node has goes back to its place in its line.
-- @include enqueue
-- @include leave-node
-- @include wake

local function put_back(id, tenant, runtime, place, claim)
  leave_node(id, tenant, claim)
  redis.call('HSET', PREFIX.run .. id, 'state', 'queued')
  redis.call('HDEL', PREFIX.run .. id, 'node', 'claim')
  enqueue(id, tenant, runtime, place)
  wake(runtime, 1)
end
