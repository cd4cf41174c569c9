-- Runs that wait outside of the backlogs until a time (`deferred`): those in quarantine, and those that the node which
-- took them cannot read. docs/decisions/0002-quarantine.md gives the reasons.
--
-- A run is in quarantine from the first death of its cell or node until it ends. Field `quarantine` of the run:
-- `cell` when its own cell died and the node lives, `node` when the node died, perhaps with runs of other tenants.
-- Field `avoid`: the node where that happened. The set `quarantined` holds the runs in quarantine that are with the
-- nodes now, or first in a backlog: few, and one of a tenant at a time.
--
-- defer(id, delay_ms): the run, which is in no backlog, waits until then.
-- quarantine(id, deaths, most_deaths, kind, node): the same after a death, with a back-off. A run that has reached
--   `most_deaths` waits for nothing: its next claim gives it up.
-- @include decimal
-- @include leave-node
-- @include now

local function defer(id, delay_ms)
  local run_key = PREFIX.run .. id
  local state, tenant, claim = unpack(redis.call('HMGET', run_key, 'state', 'tenant', 'claim'))
  if state == 'running' then leave_node(id, tenant, claim) end
  redis.call('HSET', run_key, 'state', 'queued')
  redis.call('HDEL', run_key, 'node', 'claim')
  redis.call('ZADD', KEY.deferred, decimal(now() + delay_ms), id)
end

local function quarantine(id, deaths, most_deaths, kind, node)
  local run_key = PREFIX.run .. id
  if kind == 'node' or redis.call('HGET', run_key, 'quarantine') ~= 'node' then
    redis.call('HSET', run_key, 'quarantine', kind)
  end
  redis.call('HSET', run_key, 'avoid', node or '', 'passed', '0')
  defer(id, deaths >= most_deaths and 0 or CONST.FIRST_BACK_OFF_MS * 4 ^ (deaths - 1))
end
