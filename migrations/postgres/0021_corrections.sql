-- Corrections of `movements`: its rows in ClickHouse never change, so a corrected row is a further row under a number,
-- and readers see it from the moment its number stands here. Before that, or for ever if the process died, it is nothing.

-- Never given out twice, not even after a rebuild: rows of an abandoned correction may still lie about.
CREATE SEQUENCE correction_numbers;
GRANT USAGE ON SEQUENCE correction_numbers TO backstock_log;

-- With the ledger's position in one row, so that a reader's snapshot has both, and forgotten with it by a rebuild.
ALTER TABLE projection_ledgers ADD COLUMN corrections bigint[] NOT NULL DEFAULT '{}';
