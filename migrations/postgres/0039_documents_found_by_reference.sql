-- Documents are found by what they refer to through an index, in every version of the read model there is. The operators
-- of arrays are not leakproof: under row-level security no plan of the read role may use such an index. So one function
-- of the owner answers where they stand, for the tenant that asks, and what is shown is read under row-level security.

-- Within its ledger and kind: what other tenants name the same way costs this one nothing.
CREATE FUNCTION document_keys(ledger text, kind text, refs text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(ledger || ' ' || kind || ' ' || ref) FROM unnest(refs) AS ref
$$;

-- The opened_position of a page of documents, the newest first; `of_status` and `before` may be null.
CREATE FUNCTION documents_by_ref(
    place text, of_ledger text, of_kind text, ref text, of_status text, before bigint, at_most integer)
    RETURNS SETOF bigint LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF place !~ '^documents_v[0-9]+$' THEN
        RAISE EXCEPTION '% holds no documents', place;
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT opened_position FROM public.%I WHERE ledger = $1 AND kind = $2'
        ' AND public.document_keys(ledger, kind, refs) @> public.document_keys($1, $2, ARRAY[$3])'
        ' AND tenant = nullif(current_setting(''backstock.tenant'', true), '''')'
        ' AND ($4 IS NULL OR status = $4) AND ($5 IS NULL OR opened_position < $5)'
        ' ORDER BY opened_position DESC LIMIT $6', place)
        USING of_ledger, of_kind, ref, of_status, before, at_most;
END $$;
REVOKE EXECUTE ON FUNCTION documents_by_ref FROM PUBLIC;
GRANT EXECUTE ON FUNCTION documents_by_ref TO backstock_log, backstock_read;

CREATE FUNCTION let_documents_be_found(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE POLICY finding ON %s FOR SELECT TO backstock_owner USING (true)', target);  -- for it alone
END $$;
REVOKE EXECUTE ON FUNCTION let_documents_be_found FROM PUBLIC;

DO $$
DECLARE
    target regclass;
BEGIN
    FOR target IN
        SELECT oid FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname ~ '^documents_v[0-9]+$'
    LOOP
        EXECUTE format('CREATE INDEX ON %s USING gin (document_keys(ledger, kind, refs))', target);
        PERFORM let_documents_be_found(target);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION create_version_tables(projection text, version integer) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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
        ELSIF projection = 'documents' THEN
            PERFORM let_documents_be_found(target::regclass);
        END IF;
    END LOOP;
END $$;
