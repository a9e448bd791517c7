"""Whether the log still says what was appended: each link of every ledger's chain, computed anew.

PostgreSQL computes the hashes where the rows are; nothing but what does not fit leaves it. Who
altered rows and all hashes after them is found by the signed heads that do not fit any more. Their
signatures, and PostgreSQL's own word, are held against other code by `backstock verify`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from eventlog.log import GENESIS_HASH
from eventlog.postgres.connections import Pool, borrowed

PAGE_EVENTS: Final = 50_000
# Each is looked up among the events, and a page must end long before a statement is ended.
PAGE_HEADS: Final = 20_000
EXAMPLES_MAX: Final = 20

# The leaf as `eventlog.chain` has it, column by column, each behind its length.
LEAF: Final = " || ".join(
    [
        r"'\x00'::bytea",
        *(
            f"int4send(octet_length({column})) || convert_to({column}, 'UTF8')"
            for column in ("tenant", "ledger")
        ),
        "int4send(8) || int8send(ledger_position)",
        "int4send(octet_length(stream)) || convert_to(stream, 'UTF8')",
        "int4send(8) || int8send(stream_version)",
        "int4send(16) || uuid_send(event_id)",
        "int4send(octet_length(type)) || convert_to(type, 'UTF8')",
        *(f"int4send(octet_length({column})) || {column}" for column in ("data", "metadata")),
        *(
            f"int4send(8) || int8send((extract(epoch FROM {column}) * 1000000)::bigint)"
            for column in ("occurred_at", "recorded_at")
        ),
    ]
)
# The event before the first one of a ledger in a page lies in an earlier page.
PAGE: Final = f"""
WITH page AS (
    SELECT ledger, ledger_position, type, event_id, chain_hash, sha256({LEAF}) AS leaf,
           lag(ledger_position) OVER of_ledger AS position_before,
           lag(chain_hash) OVER of_ledger AS hash_before
      FROM events
     WHERE shard = %(shard)s AND shard_position > %(after)s AND shard_position <= %(last)s
    WINDOW of_ledger AS (PARTITION BY ledger ORDER BY shard_position)
), linked AS (
    SELECT ledger, ledger_position, type, event_id,
           coalesce(position_before + 1, ledger_position) = ledger_position
           AND chain_hash = sha256('\\x01'::bytea || coalesce(
               hash_before,
               (SELECT chain_hash FROM events AS earlier
                 WHERE earlier.ledger = page.ledger
                   AND earlier.ledger_position = page.ledger_position - 1),
               %(genesis)s) || leaf) AS fits
      FROM page
)
SELECT count(*), count(*) FILTER (WHERE NOT fits),
       (array_agg(json_build_object('ledger', ledger, 'position', ledger_position, 'type', type,
                                    'event_id', event_id) ORDER BY ledger, ledger_position)
        FILTER (WHERE NOT fits))[:{EXAMPLES_MAX}]
  FROM linked
"""  # noqa: S608 - constants of this module
# Of a page, by the primary key: whether each is of the event it was signed over.
HEADS: Final = """
SELECT s.ledger, s.position, e.chain_hash IS NOT DISTINCT FROM s.chain_hash
  FROM (SELECT ledger, position, chain_hash FROM signed_heads
         WHERE (ledger, position) > (%s, %s) ORDER BY ledger, position LIMIT %s) AS s
  LEFT JOIN events AS e ON e.ledger = s.ledger AND e.ledger_position = s.position
 ORDER BY s.ledger, s.position
"""


@dataclass(slots=True)
class History:
    """`edited` events do not fit the chain, nor `missing` positions; `examples` name some of the
    former. `heads` were signed over another past.
    """

    events: int = 0
    edited: int = 0
    missing: int = 0
    examples: list[Mapping[str, Any]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """As `replays.diff` keeps it."""
        return {
            "events": self.events,
            "edited": self.edited,
            "missing": self.missing,
            "examples": list(self.examples),
            "heads": list(self.heads),
        }


def check_history(
    pool: Pool, heads: Mapping[int, int], *, check: Callable[[], None] = lambda: None
) -> History:
    """Of every shard up to its position in `heads`; `check` is asked before each page, and may
    raise. Raises `LogUnavailableError`.
    """
    found = History()
    for shard, head in sorted(heads.items()):
        for after in range(0, head, PAGE_EVENTS):
            check()
            last = min(after + PAGE_EVENTS, head)
            values = {"shard": shard, "after": after, "last": last, "genesis": GENESIS_HASH}
            with borrowed(pool) as connection:
                ((events, edited, examples),) = connection.execute(PAGE.encode(), values).fetchall()
            found.events += events
            found.edited += edited
            found.missing += last - after - events
            found.examples += (examples or ())[: EXAMPLES_MAX - len(found.examples)]
    found.heads = _other_heads(pool, check)
    return found


def _other_heads(pool: Pool, check: Callable[[], None]) -> list[str]:
    """The first of those that were signed over another past, or over events that are gone."""
    found: list[str] = []
    last = ("", 0)
    while len(found) < EXAMPLES_MAX:
        check()
        with borrowed(pool) as connection:
            rows = connection.execute(HEADS, (*last, PAGE_HEADS)).fetchall()
        found += [f"{ledger} at {position}" for ledger, position, fits in rows if not fits]
        if len(rows) < PAGE_HEADS:
            break
        last = rows[-1][:2]
    return found[:EXAMPLES_MAX]


def faults_of_history(history: Mapping[str, Any] | None) -> Sequence[str]:
    """Sentences; none when it is whole. `history`: as `History.as_dict` gives it, if it was."""
    if history is None:
        return ["whether the log was edited is not known: `backstock replay diff` finds out"]
    faults = []
    if history["edited"]:
        first = history["examples"][0]
        faults.append(
            f"the log was edited: {history['edited']} events do not fit the hash chain, the first"
            f" is {first['type']} at position {first['position']} of {first['ledger']}"
            f" (event {first['event_id']}); `backstock verify` tells more, a backup or an archive"
            " has it as it was"
        )
    if history["missing"]:
        faults.append(f"the log lacks {history['missing']} positions: restore it from a backup")
    if history["heads"]:
        faults.append(f"the log is not what was signed: the head of {history['heads'][0]}")
    return faults
