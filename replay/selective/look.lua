-- A digest of each hash and where the shard stands, in one step.
--   KEYS: checkpoint, then hashes
-- Returns {position or "", SHA-1 of each hash's fields by name ("" when there is none)}
local digests = {redis.call('HGET', KEYS[1], 'position') or ''}
for i = 2, #KEYS do
  local flat = redis.call('HGETALL', KEYS[i])
  local pairs_of = {}
  for n = 1, #flat, 2 do
    pairs_of[#pairs_of + 1] = #flat[n] .. ':' .. flat[n] .. '=' .. flat[n + 1]
  end
  table.sort(pairs_of)
  digests[i] = #flat == 0 and '' or redis.sha1hex(table.concat(pairs_of, ';'))
end
return digests
