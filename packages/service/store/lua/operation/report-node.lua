-- A node reports. The report is stored behind the time of Redis, so that the clocks of nodes need not agree.
--
-- KEYS: nodes
-- ARGV: name of the node, report (JSON), '1' to announce a change, channel of the announcement
-- Reply: none
-- @include decimal
-- @include now

local nodes_key = unpack(KEYS)
local name, report, announce, channel = unpack(ARGV)

redis.call('HSET', nodes_key, name, decimal(now()) .. ' ' .. report)
if announce == '1' then redis.call('PUBLISH', channel, CONST.NODES_CHANGED) end
