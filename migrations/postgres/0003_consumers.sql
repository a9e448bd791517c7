-- What relays and projectors need to share the shards of one log among any number of processes.

CREATE TABLE consumer_members (                  -- who is there: each takes its fair share of the shards
    role        text NOT NULL,                   -- 'relay' or '<projection>.v<version>'
    name        text NOT NULL,
    seen_until  timestamptz NOT NULL,
    PRIMARY KEY (role, name)
);
SELECT protect_table('consumer_members');

ALTER TABLE parked_streams ADD COLUMN retry_requested_at timestamptz;  -- the shard's projector retries
