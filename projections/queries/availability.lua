-- Reads the hashes and the ledger's mark at one instant.
--   KEYS: ledgers, then a hash for each SKU; ARGV[1]: the ledger
local rows = {}
for i = 2, #KEYS do
  rows[i - 1] = redis.call('HGETALL', KEYS[i])
end
return {redis.call('HGET', KEYS[1], ARGV[1]) or '', rows}
