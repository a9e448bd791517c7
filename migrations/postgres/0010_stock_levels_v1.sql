-- The read model `stock_levels`, version 1. Ids compare byte by byte ("C"), so that keyset pages and prefix searches
-- use the primary keys. Room on each page for HOT updates: no index holds a column that an event changes.

CREATE TABLE stock_levels_v1 (
    tenant           text COLLATE "C" NOT NULL,
    ledger           text COLLATE "C" NOT NULL,
    sku              text COLLATE "C" NOT NULL,
    location         text COLLATE "C" NOT NULL,
    on_hand          bigint NOT NULL,
    reserved         bigint NOT NULL,
    committed        bigint NOT NULL,
    picked           bigint NOT NULL,
    held             bigint NOT NULL,
    shortfall        bigint NOT NULL DEFAULT 0,  -- promised units that nothing on hand covers, as last stated
    last_counted_at  timestamptz,                -- the latest instant a count speaks of
    position         bigint NOT NULL,            -- ledger position of the last event that touched the row
    recorded_at      timestamptz NOT NULL,
    PRIMARY KEY (ledger, sku, location)
) WITH (fillfactor = 70);
CREATE INDEX stock_levels_v1_by_location ON stock_levels_v1 (ledger, location, sku);

CREATE TABLE items_v1 (
    tenant           text COLLATE "C" NOT NULL,
    ledger           text COLLATE "C" NOT NULL,
    sku              text COLLATE "C" NOT NULL,
    name             text NOT NULL,
    description      text NOT NULL,
    category         text NOT NULL,
    media_urls       text[] NOT NULL,
    gtin             text,
    unit             text NOT NULL,
    tracking         text NOT NULL,
    reorder_point    bigint NOT NULL,
    safety_stock     bigint NOT NULL,
    backorder_limit  bigint NOT NULL,
    attributes       jsonb NOT NULL,
    status           text NOT NULL CHECK (status IN ('active', 'discontinued')),
    position         bigint NOT NULL,
    recorded_at      timestamptz NOT NULL,
    PRIMARY KEY (ledger, sku)
) WITH (fillfactor = 80);

CREATE TABLE locations_v1 (
    tenant                  text COLLATE "C" NOT NULL,
    ledger                  text COLLATE "C" NOT NULL,
    location                text COLLATE "C" NOT NULL,
    name                    text NOT NULL,
    type                    text NOT NULL,
    latitude_microdegrees   bigint,
    longitude_microdegrees  bigint,
    position                bigint NOT NULL,
    recorded_at             timestamptz NOT NULL,
    PRIMARY KEY (ledger, location)
);

SELECT protect_table('stock_levels_v1'), protect_table('items_v1'), protect_table('locations_v1');
