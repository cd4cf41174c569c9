-- grow(run_key, tenant, by): a run that has not ended takes `by` bytes more, or less when `by` is negative.
-- @include bytes
-- @include decimal

local function grow(run_key, tenant, by)
  if by == 0 then return end
  redis.call('HINCRBY', run_key, 'size', decimal(by))
  count(KEY.queuedBytes, tenant, by)
end
