-- The read model `orders`, version 1: an order with its lines in one row, and charges (money without goods).

CREATE TABLE orders_v1 (
    tenant           text COLLATE "C" NOT NULL,
    ledger           text COLLATE "C" NOT NULL,
    order_id         text COLLATE "C" NOT NULL,
    status           text NOT NULL CHECK (status IN ('placed', 'allocated', 'partly_shipped', 'shipped', 'cancelled')),
    customer         text COLLATE "C",           -- an opaque subject id
    currency         text NOT NULL,
    placed_at        timestamptz NOT NULL,       -- these three: occurred_at of the event (the last one that shipped)
    shipped_at       timestamptz,
    cancelled_at     timestamptz,
    cancel_reason    text,
    units            bigint NOT NULL,
    total_micros     numeric NOT NULL,           -- may pass 64 bits: units times a price in millionths
    lines            jsonb NOT NULL,             -- [{line, sku, location, quantity, unit_price_micros, shipped}]
    placed_position  bigint NOT NULL,            -- ledger position of order.placed: the order of pages
    position         bigint NOT NULL,
    recorded_at      timestamptz NOT NULL,
    PRIMARY KEY (ledger, order_id)
) WITH (fillfactor = 85);
CREATE INDEX orders_v1_by_placing ON orders_v1 (ledger, placed_position);
CREATE INDEX orders_v1_open ON orders_v1 (ledger, placed_position) WHERE status IN ('placed', 'allocated', 'partly_shipped');
CREATE INDEX orders_v1_by_customer ON orders_v1 (ledger, customer, placed_position) WHERE customer IS NOT NULL;

CREATE TABLE charges_v1 (
    tenant             text COLLATE "C" NOT NULL,
    ledger             text COLLATE "C" NOT NULL,
    charge_id          text COLLATE "C" NOT NULL,
    code               text NOT NULL,
    description        text NOT NULL,
    quantity           bigint NOT NULL,
    unit_price_micros  bigint NOT NULL,
    currency           text NOT NULL,
    order_id           text COLLATE "C",
    occurred_at        timestamptz NOT NULL,
    position           bigint NOT NULL,
    recorded_at        timestamptz NOT NULL,
    PRIMARY KEY (ledger, charge_id)
);
CREATE INDEX charges_v1_by_order ON charges_v1 (ledger, order_id) WHERE order_id IS NOT NULL;

SELECT protect_table('orders_v1'), protect_table('charges_v1');
