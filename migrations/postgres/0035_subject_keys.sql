-- The key of each subject under which names and addresses are sealed before an event holds them. Whoever is forgotten loses
-- the row, and with it every sealed text of theirs. Kept beside the log, in no archive; wrapped under a key that this
-- database never has, so neither its files nor a dump of it can open anything.

CREATE TABLE subject_keys (
    tenant       text COLLATE "C" NOT NULL REFERENCES tenants,
    subject      text COLLATE "C" NOT NULL,
    key_id       text COLLATE "C" NOT NULL UNIQUE,  -- stands in every text sealed under it
    wrapping     text COLLATE "C" NOT NULL,         -- which key wraps it
    wrapped_key  bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, subject)
);
SELECT protect_tenant_rows('subject_keys');
GRANT SELECT, INSERT, DELETE ON subject_keys TO backstock_log;      -- made once, never changed
GRANT SELECT (tenant, subject, key_id, wrapping, wrapped_key) ON subject_keys TO backstock_read;
