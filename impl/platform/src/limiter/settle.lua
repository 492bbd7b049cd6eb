-- The outcome of an attempt that was taken as open: forgotten when it succeeded, counted when it failed.
--
-- ARGV: number of the slice it was taken in, '1' when it failed, milliseconds until the key may go.
local open = 'o' .. ARGV[1]
-- Gone when Redis was wiped meanwhile, or the window is over.
if redis.call('HEXISTS', KEYS[1], open) == 1 and redis.call('HINCRBY', KEYS[1], open, -1) <= 0 then
  redis.call('HDEL', KEYS[1], open)
end
if ARGV[2] == '1' then
  redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
