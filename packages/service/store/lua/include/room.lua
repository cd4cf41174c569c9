-- room(tenant, runs, bytes, bounds, own): whether `runs` more runs of `bytes` bytes together may wait. `bounds` are
--   runs
-- and bytes of all tenants together, then runs and bytes of a tenant without a limit of its own. `own` are the bytes
-- that the same submission has here already. Returns nil when there is room, else {outcome, what is there, what may
-- be there} with the outcome too-large (there can never be room), queue-full, queue-bytes, tenant-full or
-- tenant-bytes; or {'newer', tenant, schema} when a newer build wrote the settings of the tenant, which may hold a
-- limit that this build does not know.
-- @include bytes
-- @include decimal
-- @include settings

local function room(tenant, runs, bytes, bounds, own)
  local limits = settings(tenant)
  if (limits.schema or 1) > CONST.SCHEMA then return {'newer', tenant, decimal(limits.schema)} end
  local function check(outcome, there, more, most)
    if there + more > most then return {outcome, decimal(there), decimal(most)} end
  end
  local all_runs, all_bytes, share_runs, share_bytes = unpack(bounds)
  local most_runs = limits.maxQueued > 0 and limits.maxQueued or tonumber(share_runs)
  local most_bytes = limits.maxQueuedBytes > 0 and limits.maxQueuedBytes or tonumber(share_bytes)
  local waiting = counted(KEY.waiting, CONST.ALL_TENANTS)
  return check('too-large', own or 0, bytes, math.min(most_bytes, tonumber(all_bytes)))
    or check('queue-full', waiting, runs, tonumber(all_runs))
    or check('queue-bytes', counted(KEY.queuedBytes, CONST.ALL_TENANTS), bytes, tonumber(all_bytes))
    or check('tenant-full', counted(KEY.waiting, tenant), runs, most_runs)
    or check('tenant-bytes', counted(KEY.queuedBytes, tenant), bytes, most_bytes)
end
