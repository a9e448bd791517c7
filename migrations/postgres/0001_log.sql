-- The log: tenants, ledgers, heads, events, command keys, snapshots, signed heads, relay cursors, and who may do what.
-- Runs as backstock_owner, which cannot log in. backstock_log appends and reads everything; backstock_read reads one
-- tenant at a time under forced row-level security: set_config('backstock.tenant', <tenant>, true) in its transaction.
-- Identifiers compare by bytes (COLLATE "C"): the same order on every machine, and cheap in the indices of a hot table.

-- Every table that a migration adds goes through here; rights narrower than these are stated beside the table.
CREATE FUNCTION protect_table(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON %s TO backstock_log', target);
    EXECUTE format('GRANT SELECT ON %s TO backstock_read', target);
    PERFORM protect_tenant_rows(target);
END $$;

-- Does nothing for a table without a column `tenant`. Forced: it binds the table's owner as well.
CREATE FUNCTION protect_tenant_rows(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = target AND attname = 'tenant' AND NOT attisdropped) THEN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
        EXECUTE format('CREATE POLICY one_tenant ON %s USING'
            ' (tenant = nullif(current_setting(''backstock.tenant'', true), ''''))', target);
    END IF;
END $$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'facts stay: % of table % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', HINT = 'Correct a mistake with a new event that names the old one.';
END $$;

-- ENABLE ALWAYS: session_replication_role = replica does not switch it off.
CREATE FUNCTION make_append_only(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER facts_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON %s'
        ' FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', target);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER facts_stay', target);
    EXECUTE format('GRANT SELECT, INSERT ON %s TO backstock_log', target);
    EXECUTE format('GRANT SELECT ON %s TO backstock_read', target);
    PERFORM protect_tenant_rows(target);
END $$;

REVOKE EXECUTE ON FUNCTION protect_table, protect_tenant_rows, refuse_change, make_append_only FROM PUBLIC;


CREATE TABLE store_identity (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    store_id   uuid NOT NULL DEFAULT gen_random_uuid(),
    epoch      integer NOT NULL DEFAULT 1,       -- raised when an older backup is restored
    shards     smallint NOT NULL CHECK (shards > 0)
);
GRANT SELECT ON store_identity TO backstock_log, backstock_read;

CREATE TABLE tenants (
    tenant          text COLLATE "C" PRIMARY KEY CHECK (tenant ~ '^[a-z0-9][a-z0-9-]{0,30}$'),
    name            text NOT NULL,
    subject_secret  bytea NOT NULL,              -- keys the HMAC that makes subject ids opaque
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT protect_tenant_rows('tenants');
GRANT SELECT, INSERT ON tenants TO backstock_log;
GRANT UPDATE (name) ON tenants TO backstock_log;
GRANT SELECT (tenant, name, created_at) ON tenants TO backstock_read;

CREATE TABLE api_keys (
    key_id       text COLLATE "C" PRIMARY KEY,
    tenant       text COLLATE "C" NOT NULL REFERENCES tenants,
    secret_hash  bytea NOT NULL,                 -- SHA-256 of the secret part
    scopes       text[] NOT NULL,
    name         text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at   timestamptz
);
SELECT protect_tenant_rows('api_keys');
GRANT SELECT, INSERT ON api_keys TO backstock_log;
GRANT UPDATE (revoked_at) ON api_keys TO backstock_log;
GRANT SELECT (key_id, tenant, scopes, name, created_at, revoked_at) ON api_keys TO backstock_read;

-- Whose key this is: no row when it is unknown, wrong or revoked. The hash itself never leaves the database.
CREATE FUNCTION authenticate_key(id text, hash bytea) RETURNS TABLE (tenant text, scopes text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT k.tenant, k.scopes FROM public.api_keys AS k
    WHERE k.key_id = id AND k.secret_hash = hash AND k.revoked_at IS NULL
$$;
REVOKE EXECUTE ON FUNCTION authenticate_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate_key TO backstock_log, backstock_read;
CREATE POLICY authentication ON api_keys FOR SELECT TO backstock_owner USING (true);  -- for the function above alone

CREATE TABLE subjects (                          -- who an opaque subject id is: outside the log, erasable
    tenant       text COLLATE "C" NOT NULL REFERENCES tenants,
    subject      text COLLATE "C" NOT NULL,
    kind         text NOT NULL,
    external_id  text NOT NULL,
    PRIMARY KEY (tenant, subject)
);
SELECT protect_tenant_rows('subjects');
GRANT SELECT, INSERT, UPDATE, DELETE ON subjects TO backstock_log;

CREATE TABLE shards (                            -- not for the read role: its numbers tell of other tenants
    shard     smallint PRIMARY KEY,
    position  bigint NOT NULL DEFAULT 0 CHECK (position >= 0)
) WITH (fillfactor = 10);                        -- one hot row each: room for HOT updates
GRANT SELECT, UPDATE (position) ON shards TO backstock_log;

CREATE TABLE ledgers (
    ledger       text COLLATE "C" PRIMARY KEY CHECK (ledger ~ '^[a-z0-9-]+/[a-z0-9][a-z0-9-]{0,30}$'),
    tenant       text COLLATE "C" NOT NULL REFERENCES tenants CHECK (tenant = split_part(ledger, '/', 1)),
    shard        smallint NOT NULL REFERENCES shards,
    position     bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
    chain_hash   bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (octet_length(chain_hash) = 32),
    recorded_at  timestamptz NOT NULL DEFAULT 'epoch',
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 10);
SELECT protect_tenant_rows('ledgers');
GRANT SELECT, INSERT, UPDATE (position, chain_hash, recorded_at) ON ledgers TO backstock_log;
GRANT SELECT (ledger, tenant, position, chain_hash, recorded_at, created_at) ON ledgers TO backstock_read;

CREATE TABLE events (
    shard            smallint NOT NULL,
    shard_position   bigint NOT NULL,
    ledger_position  bigint NOT NULL,
    stream_version   bigint NOT NULL,
    occurred_at      timestamptz NOT NULL,
    recorded_at      timestamptz NOT NULL,
    event_id         uuid NOT NULL,
    tenant           text COLLATE "C" NOT NULL,
    ledger           text COLLATE "C" NOT NULL,
    stream           text COLLATE "C" NOT NULL,
    type             text COLLATE "C" NOT NULL,
    data             bytea NOT NULL,
    metadata         bytea NOT NULL,
    chain_hash       bytea NOT NULL,
    PRIMARY KEY (shard, shard_position),
    UNIQUE (ledger, ledger_position),
    CONSTRAINT one_event_per_stream_version UNIQUE (ledger, stream, stream_version)
);
SELECT make_append_only('events');

CREATE TABLE command_keys (
    ledger          text COLLATE "C" NOT NULL,
    key             text COLLATE "C" NOT NULL,
    tenant          text COLLATE "C" NOT NULL,
    body_hash       bytea NOT NULL,
    accepted        boolean NOT NULL,
    answer          bytea NOT NULL,
    first_position  bigint,                      -- ledger positions of the command's events; null when none
    last_position   bigint,
    recorded_at     timestamptz NOT NULL,
    PRIMARY KEY (ledger, key)
);
SELECT make_append_only('command_keys');

CREATE TABLE snapshots (                         -- a cache of folds: may be dropped at any time
    ledger          text COLLATE "C" NOT NULL,
    stream          text COLLATE "C" NOT NULL,
    tenant          text COLLATE "C" NOT NULL,
    stream_version  bigint NOT NULL,
    format          text NOT NULL,               -- which code can read `state`
    state           bytea NOT NULL,
    PRIMARY KEY (ledger, stream)
);
SELECT protect_tenant_rows('snapshots');
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON snapshots TO backstock_log;

CREATE TABLE relay_cursors (
    shard        smallint PRIMARY KEY REFERENCES shards,
    epoch        integer NOT NULL,
    position     bigint NOT NULL DEFAULT 0,
    owner        text,
    lease_until  timestamptz
) WITH (fillfactor = 10);
GRANT SELECT, INSERT, UPDATE, DELETE ON relay_cursors TO backstock_log;

CREATE TABLE signed_heads (
    ledger       text COLLATE "C" NOT NULL,
    position     bigint NOT NULL,
    tenant       text COLLATE "C" NOT NULL,
    chain_hash   bytea NOT NULL,
    recorded_at  timestamptz NOT NULL,
    key_id       text NOT NULL,
    signature    bytea NOT NULL,
    PRIMARY KEY (ledger, position)
);
SELECT make_append_only('signed_heads');
