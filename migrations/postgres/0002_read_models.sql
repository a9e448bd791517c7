-- What every projection shares: the catalogue, checkpoints (moved in the same transaction as the data), leases,
-- claims of ClickHouse ranges, parked streams and their dead letters, and when each batch was applied.

CREATE TABLE projections (                       -- the catalogue: readers find a read model's tables and keys here
    projection  text COLLATE "C" NOT NULL,
    version     integer NOT NULL,
    store       text NOT NULL CHECK (store IN ('postgres', 'redis', 'clickhouse')),
    state       text NOT NULL CHECK (state IN ('active', 'building', 'kept', 'retired')),
    places      jsonb NOT NULL,                  -- {"stock_levels": "stock_levels_v1", ...}: logical name -> table or key prefix
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, version)
);
CREATE UNIQUE INDEX one_active_version ON projections (projection) WHERE state = 'active';

CREATE TABLE projection_checkpoints (            -- Redis keeps its own beside its data; the row here then only mirrors it
    projection     text COLLATE "C" NOT NULL,
    version        integer NOT NULL,
    shard          smallint NOT NULL,
    epoch          integer NOT NULL,
    position       bigint NOT NULL DEFAULT 0,    -- last shard position applied
    claimed_to     bigint,                       -- ClickHouse: (position, claimed_to] is claimed and being inserted
    recorded_at    timestamptz,                  -- of the event at `position`
    applied_at     timestamptz,
    lease_owner    text,
    lease_until    timestamptz,
    PRIMARY KEY (projection, version, shard)
) WITH (fillfactor = 20);

CREATE TABLE projection_ledgers (                -- the same checkpoint, in the ledger positions that readers see
    projection   text COLLATE "C" NOT NULL,
    version      integer NOT NULL,
    ledger       text COLLATE "C" NOT NULL,
    tenant       text COLLATE "C" NOT NULL,
    position     bigint NOT NULL,
    recorded_at  timestamptz NOT NULL,
    PRIMARY KEY (projection, version, ledger)
) WITH (fillfactor = 20);

CREATE TABLE projection_applies (                -- one row per applied batch: what lag is computed from; trimmed
    projection  text COLLATE "C" NOT NULL,
    version     integer NOT NULL,
    shard       smallint NOT NULL,
    position    bigint NOT NULL,                 -- last shard position of the batch
    applied_at  timestamptz NOT NULL,
    PRIMARY KEY (projection, version, shard, position)
);

CREATE TABLE parked_streams (
    projection      text COLLATE "C" NOT NULL,
    version         integer NOT NULL,
    ledger          text COLLATE "C" NOT NULL,
    stream          text COLLATE "C" NOT NULL,
    tenant          text COLLATE "C" NOT NULL,
    position        bigint NOT NULL,             -- ledger position of the event that could not be applied
    error           text NOT NULL,
    parked_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, version, ledger, stream)
);

CREATE TABLE dead_letters (
    projection       text COLLATE "C" NOT NULL,
    version          integer NOT NULL,
    shard            smallint NOT NULL,
    shard_position   bigint NOT NULL,
    ledger           text COLLATE "C" NOT NULL,
    stream           text COLLATE "C" NOT NULL,
    tenant           text COLLATE "C" NOT NULL,
    ledger_position  bigint NOT NULL,
    type             text COLLATE "C" NOT NULL,
    PRIMARY KEY (projection, version, shard, shard_position)
);

SELECT protect_table(name::regclass) FROM unnest(ARRAY['projections', 'projection_checkpoints', 'projection_ledgers',
    'projection_applies', 'parked_streams', 'dead_letters']) AS name;
