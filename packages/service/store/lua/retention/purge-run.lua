#!lua flags=allow-oom
-- Removes a run with its result, its streams and its idempotency key.
--
-- KEYS: the run
-- ARGV: id
-- Reply: gone, later (it runs, and is removed when it has ended) or missing
-- @include now
-- @include purge

local id = unpack(ARGV)

return purge_run(id, now())
