"""Frees a shard from a writer that has gone quiet while it holds the shard's head.

A process that is stopped or cut off in the middle of an append holds its lock although every
time-out of the server is set: none covers a COPY that waits for its client. Cancelling does not
help either; ending its session does, rolls its transaction back, and tells it so when it wakes up.
"""

from __future__ import annotations

from eventlog.postgres.connections import LOCK_MILLISECONDS_MAX, Pool, borrowed

# The holder is whoever wrote its transaction's number into the head's row.
END_STALLED_HOLDER = """
    SELECT pg_terminate_backend(holder.pid)
    FROM shards AS head
    JOIN pg_locks AS held
        ON held.locktype = 'transactionid' AND held.granted AND held.transactionid = head.xmax
    JOIN pg_stat_activity AS holder ON holder.pid = held.pid
    WHERE head.shard = %s
        AND holder.wait_event_type = 'Client' AND holder.wait_event IN ('ClientRead', 'ClientWrite')
        AND clock_timestamp() - holder.state_change > %s * interval '1 millisecond'
"""


def end_stalled_holder(pool: Pool, shard: int) -> bool:
    """End the session that holds the shard's head, if all it does is wait for its client for long.

    True when one was ended. A holder whose statement the server is working on is left alone,
    however long it takes. One that computes between its statements looks no different from one that
    is gone: whoever decides under the lock must be done well within LOCK_MILLISECONDS_MAX, and what
    is ended all the same is rolled back whole and told so.
    """
    with borrowed(pool) as connection:
        ended = connection.execute(END_STALLED_HOLDER, (shard, LOCK_MILLISECONDS_MAX))
        return any(done for (done,) in ended)
