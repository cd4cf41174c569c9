-- make_room(tenant, bytes, all_bytes, share_bytes): the oldest submissions of the tenant that were judged leave while
--   `bytes` more would be above its bound, and the oldest of all tenants while they would be above that of all.
-- @include bytes
-- @include end-submission

local function make_room(tenant, bytes, all_bytes, share_bytes)
  local left = CONST.REMOVED_AT_ONCE
  local function shrink(list, counter, most)
    while left > 0 and counted(KEY.submissionBytes, counter) + bytes > most do
      local oldest = redis.call('ZRANGE', list, 0, 0)[1]
      if not oldest then return end
      forget_submission(oldest)
      left = left - 1
    end
  end
  shrink(PREFIX.judged .. tenant, tenant, share_bytes)
  shrink(KEY.judged, CONST.ALL_TENANTS, all_bytes)
end
