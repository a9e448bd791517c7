-- Empties a shard in steps that survive a crash and a rival: only who began last may go on, and the checkpoint comes
-- back when everything is gone.
--   KEYS[1]: checkpoint; further KEYS: what to drop.  ARGV: step, token, store_id, epoch
-- Returns the token ('begin': a new one), or false when somebody else began meanwhile.
if ARGV[1] == 'begin' then
  local now = redis.call('TIME')
  local token = now[1] .. '.' .. now[2]
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'wiping', token)
  return token
end
if redis.call('HGET', KEYS[1], 'wiping') ~= ARGV[2] then
  return false
end
if ARGV[1] == 'drop' then
  redis.call('UNLINK', unpack(KEYS, 2))
else
  redis.call('HSET', KEYS[1], 'store_id', ARGV[3], 'epoch', ARGV[4], 'position', '0')
  redis.call('HDEL', KEYS[1], 'wiping')
end
return ARGV[2]
