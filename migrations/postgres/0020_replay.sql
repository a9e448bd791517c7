-- Replay: versions of a read model beside one another, what a replay did and is doing, and the one row that says which
-- versions answer. Tables of a further version are made and dropped by functions of the owner: the log role makes none.

ALTER TABLE projections DROP CONSTRAINT projections_state_check;
ALTER TABLE projections
    -- building: a replay writes it, nobody else. following: complete, fed like the active one, not read yet. kept: was
    -- active, is still fed, can be gone back to. retired: dropped; its number is never used again.
    ADD CONSTRAINT projections_state_check CHECK (state IN ('building', 'following', 'active', 'kept', 'retired')),
    ADD COLUMN edition       text NOT NULL DEFAULT '1',     -- the code that folds it, by name
    ADD COLUMN fingerprints  jsonb NOT NULL DEFAULT '{}',   -- stored event type -> hash over the code that folds it
    ADD COLUMN replay_id     uuid;                          -- the replay that built it

CREATE TABLE read_generation (
    only_row       boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    generation     bigint NOT NULL DEFAULT 1,        -- one more with each promotion and each way back
    careful_until  timestamptz NOT NULL DEFAULT '-infinity',  -- until then nobody answers from what it remembers
    changed_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO read_generation DEFAULT VALUES;

CREATE TABLE replays (
    replay_id    uuid PRIMARY KEY,
    state        text NOT NULL CHECK (state IN ('planned', 'building', 'following', 'diffed', 'promoted', 'rolled_back',
                                                'retired', 'failed', 'cancelled')),
    plan         jsonb NOT NULL,
    progress     jsonb NOT NULL DEFAULT '{}',
    diff         jsonb,
    acceptance   jsonb,                              -- who accepted which surprises, and why
    cutover      jsonb,                              -- generation and positions at which it was promoted
    receipt      jsonb,
    error        text,
    owner        text COLLATE "C",                   -- the process that works on it, until owner_until
    owner_until  timestamptz,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE replay_targets (
    replay_id     uuid NOT NULL REFERENCES replays,
    projection    text COLLATE "C" NOT NULL,
    from_version  integer NOT NULL,
    to_version    integer NOT NULL,
    is_open       boolean NOT NULL DEFAULT true,     -- neither promoted for good nor given up
    PRIMARY KEY (replay_id, projection)
);
CREATE UNIQUE INDEX one_open_replay ON replay_targets (projection) WHERE is_open;

SELECT protect_table(name::regclass) FROM unnest(ARRAY['read_generation', 'replays', 'replay_targets']) AS name;
-- Replays speak of all tenants.
REVOKE SELECT ON replays, replay_targets FROM backstock_read;

-- The tables of a version in PostgreSQL are those of version 1 under another number.
CREATE FUNCTION version_tables(projection text) RETURNS text[] LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE projection
        WHEN 'stock_levels' THEN ARRAY['stock_levels_v%s', 'items_v%s', 'locations_v%s']
        WHEN 'orders' THEN ARRAY['orders_v%s', 'charges_v%s']
        WHEN 'movements' THEN ARRAY['movements_v%s_shards']
        ELSE ARRAY[]::text[] END
$$;

CREATE FUNCTION create_version_tables(projection text, version integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    pattern text;
    first regclass;
    target text;
    options text;
BEGIN
    IF version < 2 THEN
        RAISE EXCEPTION 'version % of % is made by the migrations', version, projection;
    END IF;
    FOREACH pattern IN ARRAY version_tables(projection) LOOP
        first := ('public.' || format(pattern, 1))::regclass;
        target := format('public.%I', format(pattern, version));
        EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL)', target, first);
        SELECT array_to_string(reloptions, ', ') INTO options FROM pg_class WHERE oid = first;
        IF options IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %s SET (%s)', target, options);
        END IF;
        PERFORM protect_table(target::regclass);
        IF projection = 'movements' THEN
            EXECUTE format('REVOKE SELECT ON %s FROM backstock_read', target);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION drop_version_tables(of_projection text, of_version integer) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    pattern text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.projections
        WHERE projection = of_projection AND version = of_version AND state = 'retired'
    ) THEN
        RAISE EXCEPTION 'version % of % is not retired', of_version, of_projection;
    END IF;
    FOREACH pattern IN ARRAY version_tables(of_projection) LOOP
        IF of_version = 1 THEN  -- its shape is what later versions are made from
            EXECUTE format('TRUNCATE public.%I', format(pattern, 1));
        ELSE
            EXECUTE format('DROP TABLE IF EXISTS public.%I', format(pattern, of_version));
        END IF;
    END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION create_version_tables, drop_version_tables FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_version_tables, drop_version_tables TO backstock_log;
