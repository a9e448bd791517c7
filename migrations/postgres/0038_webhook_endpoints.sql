-- Where payment providers report to: each endpoint is one ledger's, and signs with a secret of its own. The secret is
-- wrapped under a key that this database never has: whoever has the database alone can report nothing.

CREATE TABLE webhook_endpoints (
    endpoint        text COLLATE "C" PRIMARY KEY,
    tenant          text COLLATE "C" NOT NULL REFERENCES tenants,
    ledger          text COLLATE "C" NOT NULL REFERENCES ledgers,
    name            text NOT NULL DEFAULT '',
    wrapping        text COLLATE "C" NOT NULL,       -- which key wraps it
    wrapped_secret  bytea NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at      timestamptz
);
SELECT protect_tenant_rows('webhook_endpoints');
GRANT SELECT, INSERT ON webhook_endpoints TO backstock_log;
GRANT UPDATE (revoked_at) ON webhook_endpoints TO backstock_log;
GRANT SELECT (endpoint, tenant, ledger, name, created_at, revoked_at) ON webhook_endpoints TO backstock_read;

-- Whose endpoint this is: no row when it is unknown or revoked.
CREATE FUNCTION find_webhook_endpoint(id text)
    RETURNS TABLE (tenant text, ledger text, wrapping text, wrapped_secret bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT e.tenant, e.ledger, e.wrapping, e.wrapped_secret FROM public.webhook_endpoints AS e
    WHERE e.endpoint = id AND e.revoked_at IS NULL
$$;
REVOKE EXECUTE ON FUNCTION find_webhook_endpoint FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_webhook_endpoint TO backstock_log, backstock_read;
CREATE POLICY finding ON webhook_endpoints FOR SELECT TO backstock_owner USING (true);  -- for the function above alone
