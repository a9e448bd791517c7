-- How many rows `movements` (ClickHouse), version 1, must hold per shard: compared with the engine's own count before
-- the first insert after a start.

CREATE TABLE movements_v1_shards (
    shard  smallint PRIMARY KEY,
    rows   bigint NOT NULL DEFAULT 0 CHECK (rows >= 0)
) WITH (fillfactor = 20);

SELECT protect_table('movements_v1_shards');
