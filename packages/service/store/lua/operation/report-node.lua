-- A node reports, and learns what an operator wants of it. The report is stored behind the time of Redis, so that the
-- clocks of nodes need not agree.
--
-- KEYS: nodes, cordons
-- ARGV: name of the node, its start (as in the report), report (JSON), '1' to announce a change, channel of the
--   announcement
-- Reply: 1 when the report before it is that of another living node with this name, otherwise 0; 'cordon' or 'drain'
--   where the node must take no runs, otherwise ''
-- @include decimal
-- @include now

local nodes_key, cordons_key = unpack(KEYS)
local name, started_at, report, announce, channel = unpack(ARGV)

local before = redis.call('HGET', nodes_key, name)
redis.call('HSET', nodes_key, name, decimal(now()) .. ' ' .. report)
if announce == '1' then redis.call('PUBLISH', channel, CONST.NODES_CHANGED) end
local wanted = redis.call('HGET', cordons_key, name) or ''
if not before then return { 0, wanted } end

local time, text = string.match(before, '^(%d+) (.*)$')
local other = cjson.decode(text)
if other.startedAt ~= started_at and now() - tonumber(time) < other.leaseMs then return { 1, wanted } end
return { 0, wanted }
