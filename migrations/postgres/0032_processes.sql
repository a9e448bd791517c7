-- Process managers: what they know of each of their instances, and the commands that they have said are to be sent.
-- Folded from the log like a read model, but in no catalogue: no replay reaches them, and nobody reads them but they.

CREATE TABLE process_states (
    process     text COLLATE "C" NOT NULL,
    ledger      text COLLATE "C" NOT NULL,           -- of the instance
    id          text COLLATE "C" NOT NULL,
    tenant      text COLLATE "C" NOT NULL,
    body        json NOT NULL,                       -- a state's maps may go by their order, which jsonb changes
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (process, ledger, id)
);

CREATE TABLE process_tasks (
    process     text COLLATE "C" NOT NULL,
    ledger      text COLLATE "C" NOT NULL,           -- of the instance; the command names the one it goes to
    task_id     text COLLATE "C" NOT NULL,
    tenant      text COLLATE "C" NOT NULL,
    shard       smallint NOT NULL,                   -- of the instance's ledger: who holds its lease sends
    instance    text COLLATE "C" NOT NULL,
    due_at      timestamptz NOT NULL,
    send_at     timestamptz NOT NULL,                -- due_at, or later when it had no answer and is sent again
    attempts    integer NOT NULL DEFAULT 0,
    command     jsonb NOT NULL,                      -- without its key, which is made of the row's own
    correlation text,
    done_at     timestamptz,
    outcome     text,                                -- accepted, refused, key_conflict, or invalid: no command at all
    code        text,                                -- of the refusal
    PRIMARY KEY (process, ledger, task_id)
);
CREATE INDEX process_tasks_waiting ON process_tasks (send_at) WHERE done_at IS NULL;
CREATE INDEX process_tasks_done ON process_tasks (done_at) WHERE done_at IS NOT NULL;

SELECT protect_table(name::regclass) FROM unnest(ARRAY['process_states', 'process_tasks']) AS name;
REVOKE SELECT ON process_states, process_tasks FROM backstock_read;
