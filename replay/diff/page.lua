-- Reads a page of SKUs in both versions of `availability`, with both checkpoints, at one instant.
--   KEYS: the older checkpoint, the newer one, then for each SKU its older and its newer hash
--   ARGV: '1' to have every SKU's hashes, '' for those that differ; then what each hash is called without its version
-- Returns {older checkpoint, newer checkpoint, digests, differing}: a checkpoint is {store_id, epoch, position}; digests are
-- {fields, units, hash, hash} of the older and of the newer version, one row for each SKU, or one for all when the two
-- stand at one position; differing is {number, older hash, newer hash} of each SKU that is asked for.
local function digest(name, flat)
  local fields, units, low, high = 0, 0, 0, 0
  for i = 1, #flat, 2 do
    local hash = redis.sha1hex(name .. '\0' .. flat[i] .. '\0' .. flat[i + 1])
    fields = fields + 1
    low = low + tonumber(hash:sub(1, 8), 16)
    high = high + tonumber(hash:sub(9, 16), 16)
    if flat[i]:byte() ~= 35 then -- no `#setting`
      units = units + (tonumber(flat[i + 1]) or 0)
    end
  end
  return {fields, units, low, high}
end

local function same(older, newer)
  if #older ~= #newer then
    return false
  end
  local found = {}
  for i = 1, #older, 2 do
    found[older[i]] = older[i + 1]
  end
  for i = 1, #newer, 2 do
    if found[newer[i]] ~= newer[i + 1] then
      return false
    end
  end
  return true
end

local function checkpoint(key)
  local found = redis.call('HMGET', key, 'store_id', 'epoch', 'position')
  return {found[1] or '', found[2] or '', found[3] or ''}
end

local places = {checkpoint(KEYS[1]), checkpoint(KEYS[2])}
local is_one = places[1][3] == places[2][3]
local digests, differing = {}, {}
if is_one then
  digests[1] = {0, 0, 0, 0, 0, 0, 0, 0}
end
for number = 1, #ARGV - 1 do
  local name = ARGV[1 + number]
  local older = redis.call('HGETALL', KEYS[1 + 2 * number])
  local newer = redis.call('HGETALL', KEYS[2 + 2 * number])
  local row = digest(name, older)
  local other = row
  local is_same = same(older, newer)
  if not is_same then
    other = digest(name, newer)
  end
  if not is_same or ARGV[1] == '1' then
    differing[#differing + 1] = {number, older, newer}
  end
  local both = {row[1], row[2], row[3], row[4], other[1], other[2], other[3], other[4]}
  if is_one then
    for i = 1, 8 do
      digests[1][i] = digests[1][i] + both[i]
    end
  else
    digests[number] = both
  end
end
return {places[1], places[2], digests, differing}
