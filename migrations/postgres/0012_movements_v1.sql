-- What `movements` (ClickHouse), version 1, must hold per shard: compared with the engine's own count before the
-- first insert after a start. `generation` rises with each rebuild of the shard and is part of every insert's token.

CREATE TABLE movements_v1_shards (
    shard       smallint PRIMARY KEY,
    generation  integer NOT NULL DEFAULT 1,
    rows        bigint NOT NULL DEFAULT 0 CHECK (rows >= 0)
) WITH (fillfactor = 20);

SELECT protect_table('movements_v1_shards');
