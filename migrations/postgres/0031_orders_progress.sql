-- Orders show how far they have come beyond status and lines, in every version of the read model there is.

DO $$
DECLARE
    target regclass;
    old record;
BEGIN
    FOR target IN
        SELECT oid::regclass FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname ~ '^orders_v[0-9]+$'
    LOOP
        FOR old IN SELECT conname FROM pg_constraint WHERE conrelid = target AND contype = 'c' AND conname LIKE '%status%' LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', target, old.conname);
        END LOOP;
        FOR old IN SELECT indexrelid::regclass AS name FROM pg_index WHERE indrelid = target AND pg_get_expr(indpred, indrelid) LIKE '%partly_shipped%' LOOP
            EXECUTE format('DROP INDEX %s', old.name);
        END LOOP;
        EXECUTE format('ALTER TABLE %s ADD COLUMN progress jsonb NOT NULL DEFAULT ''{}''', target);
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT orders_status_check CHECK (status IN (''placed'', ''backordered'', ''partly_allocated'', ''allocated'', ''partly_shipped'', ''shipped'', ''delivered'', ''closed'', ''cancelled'')) NOT VALID', target);
        EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT orders_status_check', target);
        EXECUTE format('CREATE INDEX ON %s (ledger, placed_position) WHERE status IN (''placed'', ''backordered'', ''partly_allocated'', ''allocated'', ''partly_shipped'')', target);
    END LOOP;
END $$;
