-- Changes hashes and moves one guard, or does nothing and says why. Whatever could fail is read and checked before
-- the first write, as a script is not rolled back.
--   KEYS: checkpoint, ledgers, keys, unparked, then the hash of each change
--   ARGV[1], MessagePack: [store_id, epoch, [guard key, guard field, expected, new], {ledger = mark},
--                          [[{location = units}, {setting = value}] ...]]
-- Returns {"ok"} | {"lost"}: no checkpoint of this store | {"moved", position} | {"damaged", key, field}
local UNITS_MAX = 9007199254740991 -- beyond it a double is not exact
local store_id, epoch, guard, marks, changes = unpack(cmsgpack.unpack(ARGV[1]))

local sentinel = redis.call('HMGET', KEYS[1], 'store_id', 'epoch')
if sentinel[1] ~= store_id or sentinel[2] ~= epoch then
  return {'lost'}
end
local found = redis.call('HGET', KEYS[guard[1]], guard[2]) or ''
if found ~= guard[3] then
  return {'moved', found}
end

-- A key of another type fails here, and not below.
redis.call('HLEN', KEYS[2])
redis.call('SCARD', KEYS[3])
local writes, new = {}, {}
for i, change in ipairs(changes) do
  local key = KEYS[4 + i]
  local locations, row, known = {}, {}, false
  for location in pairs(change[1]) do
    locations[#locations + 1] = location
  end
  if #locations > 0 then
    local units = redis.call('HMGET', key, unpack(locations))
    for n, location in ipairs(locations) do
      local before = 0
      if units[n] then
        known = true
        before = tonumber(units[n])
      end
      local after = before and before + change[1][location]
      if not after or after % 1 ~= 0 or math.abs(after) > UNITS_MAX then
        return {'damaged', key, location}
      end
      row[#row + 1] = location
      row[#row + 1] = string.format('%.0f', after)
    end
  end
  if not known then
    if redis.call('HLEN', key) == 0 then
      new[#new + 1] = key
    end
  end
  for setting, value in pairs(change[2]) do
    row[#row + 1] = setting
    row[#row + 1] = value
  end
  writes[i] = row
end

for i, row in ipairs(writes) do
  redis.call('HSET', KEYS[4 + i], unpack(row))
end
if #new > 0 then
  redis.call('SADD', KEYS[3], unpack(new))
end
for ledger, mark in pairs(marks) do
  redis.call('HSET', KEYS[2], ledger, mark)
end
redis.call('HSET', KEYS[guard[1]], guard[2], guard[4])
return {'ok'}
