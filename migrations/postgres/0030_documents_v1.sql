-- The read model `documents`, version 1: what each stream of some kinds has come to. A kind's shape is its code's; a new
-- kind needs no table. `body` is json, not jsonb: it comes back with its keys in the order in which a fold left them.

CREATE TABLE documents_v1 (
    tenant           text COLLATE "C" NOT NULL,
    ledger           text COLLATE "C" NOT NULL,
    kind             text COLLATE "C" NOT NULL,  -- that of the stream: stock, item, purchase, …
    id               text COLLATE "C" NOT NULL,  -- what follows the kind in the stream's name
    status           text COLLATE "C" NOT NULL,
    refs             text[] COLLATE "C" NOT NULL,  -- what it is found by: sku:A, order:o1, lot:A/L1, location:hall, …
    body             json NOT NULL,
    opened_at        timestamptz NOT NULL,       -- occurred_at of its first event
    opened_position  bigint NOT NULL,            -- ledger position of its first event: the order of pages
    position         bigint NOT NULL,            -- ledger position of the last event that touched it
    recorded_at      timestamptz NOT NULL,
    PRIMARY KEY (ledger, kind, id)
) WITH (fillfactor = 80);
CREATE INDEX documents_v1_by_opening ON documents_v1 (ledger, kind, opened_position);
CREATE INDEX documents_v1_by_status ON documents_v1 (ledger, kind, status, opened_position);

SELECT protect_table('documents_v1');

CREATE OR REPLACE FUNCTION version_tables(projection text) RETURNS text[] LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE projection
        WHEN 'stock_levels' THEN ARRAY['stock_levels_v%s', 'items_v%s', 'locations_v%s']
        WHEN 'orders' THEN ARRAY['orders_v%s', 'charges_v%s']
        WHEN 'documents' THEN ARRAY['documents_v%s']
        WHEN 'movements' THEN ARRAY['movements_v%s_shards']
        ELSE ARRAY[]::text[] END
$$;
