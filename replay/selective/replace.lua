-- Replaces fields of hashes if the shard's checkpoint still is where they were folded to, or does nothing and says
-- why. A script is one step for every reader, so no key is ever seen half or not at all.
--   KEYS: checkpoint, keys, then the hash of each change
--   ARGV[1], MessagePack: [store_id, epoch, position, [[[field, value, ...], [field to drop, ...]] ...]]
-- Returns {"ok"} | {"lost"}: no checkpoint of this store | {"moved", position}
local store_id, epoch, position, changes = unpack(cmsgpack.unpack(ARGV[1]))

local found = redis.call('HMGET', KEYS[1], 'store_id', 'epoch', 'position')
if found[1] ~= store_id or found[2] ~= epoch then
  return {'lost'}
end
if found[3] ~= position then
  return {'moved', found[3]}
end

-- A key of another type fails here, and not below.
redis.call('SCARD', KEYS[2])
for i = 3, #KEYS do
  redis.call('HLEN', KEYS[i])
end
for i, change in ipairs(changes) do
  local key = KEYS[2 + i]
  -- No call takes more arguments than fit on the stack.
  for first = 1, #change[1], 1000 do
    redis.call('HSET', key, unpack(change[1], first, math.min(first + 999, #change[1])))
  end
  for first = 1, #change[2], 1000 do
    redis.call('HDEL', key, unpack(change[2], first, math.min(first + 999, #change[2])))
  end
  if redis.call('EXISTS', key) == 1 then
    redis.call('SADD', KEYS[2], key)
  else
    redis.call('SREM', KEYS[2], key)
  end
end
return {'ok'}
