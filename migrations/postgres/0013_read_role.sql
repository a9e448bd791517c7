-- The read role sees nothing of a shard but what its own tenant's events say of theirs: how far shards have come, how
-- many rows they have, and who works on them tells of other tenants. Lag is counted from projection_applies: of that
-- table it keeps what the count needs.

REVOKE SELECT ON projection_checkpoints, movements_v1_shards, consumer_members FROM backstock_read;
