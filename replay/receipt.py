"""The receipt of a promotion: what was built out of what, what differed, who took it on himself.

Its canonical bytes are JSON in UTF-8 with sorted keys and no spaces. Their SHA-256 and the root
over all ledgers are signed with the key that signs heads, in the very transaction that promotes,
and appended to every ledger afterwards (replay.receipt_events).
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import Connection
from psycopg.rows import TupleRow

from eventlog.crash_points import crash_point
from eventlog.heads import HeadKey, key_id_of, signed_by
from eventlog.log import GENESIS_HASH
from eventlog.postgres.connections import Pool, borrowed
from replay import records
from replay.merkle import leaf_hash, root_of
from replay.records import Replay

FORMAT: Final = "backstock.receipt.v1"
EARLIER_MAX: Final = 20
VERSIONS: Final = """
SELECT projection, version, edition, fingerprints FROM projections
 WHERE (projection, version) IN (SELECT * FROM unnest(%s::text[], %s::integer[]))
"""
CHAIN: Final = """
SELECT ledger, ledger_position, chain_hash FROM events
 WHERE (ledger, ledger_position) IN (SELECT * FROM unnest(%s::text[], %s::bigint[]))
"""
STORE: Final = "SELECT store_id::text FROM store_identity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """`body` as JSON has it; `signature` is Ed25519, over the bytes that `signed_text` says."""

    body: Mapping[str, Any]
    sha256: str
    key_id: str
    signature: bytes

    @property
    def generation(self) -> int:
        return int(self.body["cutover"]["generation"])

    def as_dict(self) -> dict[str, Any]:
        """As `replays.receipt` keeps it, and as it is handed out."""
        return {
            "sha256": self.sha256,
            "key_id": self.key_id,
            "signature": b64encode(self.signature).decode(),
            "body": dict(self.body),
        }

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        return cls(
            body=kept["body"],
            sha256=kept["sha256"],
            key_id=kept["key_id"],
            signature=b64decode(kept["signature"]),
        )


def digest_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of its canonical bytes, in hex."""
    return sha256(canonical(document)).hexdigest()


def canonical(body: Mapping[str, Any]) -> bytes:
    """The bytes that are hashed."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def signed_text(digest: str, root: str) -> bytes:
    """What is signed: the format, the SHA-256 of the canonical bytes, and the root, both in hex;
    one line each, no line end after the last.
    """
    return f"{FORMAT}\n{digest}\n{root}".encode()


def leaf_of(range_of: Mapping[str, Any]) -> bytes:
    """The leaf of a ledger's range: its name, the positions and chain hashes before and at its end,
    a line each.
    """
    return leaf_hash("\n".join(str(range_of[name]) for name in RANGE).encode())


def events_root(ledgers: Sequence[Mapping[str, Any]]) -> str:
    """Merkle root, as RFC 6962 builds it, over the ledgers in their order; hex."""
    return root_of([leaf_of(each) for each in ledgers]).hex()


RANGE: Final = ("ledger", "after", "after_hash", "up_to", "up_to_hash")


def make_receipt(connection: Connection[TupleRow], replay: Replay, key: HeadKey) -> Receipt:
    """The receipt of a promotion, kept with the replay, in the transaction that promotes it.

    `replay`: with the cut-over and the acceptance of just now.
    """
    body = _body(connection, replay)
    digest = digest_of(body)
    made = Receipt(
        body=body,
        sha256=digest,
        key_id=key.key_id,
        signature=key.sign_bytes(signed_text(digest, body["events"]["root"])),
    )
    earlier = [each.as_dict() for each in receipts_of(replay)[-EARLIER_MAX:]]
    records.note(connection, replay.replay_id, receipt=made.as_dict() | {"earlier": earlier})
    crash_point("receipt.made")
    return made


def receipts_of(replay: Replay) -> list[Receipt]:
    """Of each promotion, the latest last."""
    if replay.receipt is None:
        return []
    return [Receipt.of(kept) for kept in (*replay.receipt.get("earlier", ()), replay.receipt)]


def faults_of(
    pool: Pool, replay: Replay, receipt: Receipt, public: Ed25519PublicKey | None
) -> list[str]:
    """What is wrong with a receipt, by itself, beside its replay, and beside the log as it is;
    empty: nothing.
    """
    found = []
    if digest_of(receipt.body) != receipt.sha256:
        found.append("its content is not what was hashed")
    events = receipt.body["events"]
    if public is None or receipt.key_id != key_id_of(public):
        found.append(f"it is signed with the key {receipt.key_id}, which is not at hand")
    elif not signed_by(signed_text(receipt.sha256, events["root"]), receipt.signature, public):
        found.append("its signature does not hold")
    if events_root(events["ledgers"]) != events["root"]:
        found.append("its root is not that of its ledgers")
    if _is_of_another_difference(replay, receipt):
        found.append("the difference of its replay is not the one that was promoted")
    with borrowed(pool) as connection:
        ends = {each["ledger"]: each["up_to"] for each in events["ledgers"]}
        hashes = _chain_hashes(connection, ends)
    found += [
        f"the log of {each['ledger']} has another chain hash at {each['up_to']}: it was changed"
        for each in events["ledgers"]
        if hashes.get(each["ledger"]) != each["up_to_hash"]
    ]
    return found


def _is_of_another_difference(replay: Replay, receipt: Receipt) -> bool:
    """After a roll-back the versions may be compared anew: that difference is a later one's."""
    if digest_of(replay.diff or {}) == receipt.body["difference"]["sha256"]:
        return False
    compared = (replay.diff or {}).get("compared_at")
    promoted = datetime.fromisoformat(receipt.body["cutover"]["at"])
    return compared is None or datetime.fromisoformat(compared) <= promoted


def _body(connection: Connection[Any], replay: Replay) -> dict[str, Any]:
    cutover = replay.cutover or {}
    row = connection.execute(STORE).fetchone()
    assert row is not None, "a migrated store has its identity"
    ledgers = _ranges(connection, cutover["ledgers"])
    difference = replay.diff or {}
    return {
        "format": FORMAT,
        "store_id": row[0],
        "replay_id": str(replay.replay_id),
        "read_models": _read_models(connection, replay),
        "strategy": replay.plan.get("strategy"),
        "events": {"ledgers": ledgers, "root": events_root(ledgers)},
        "difference": {
            **{part: difference.get(part) for part in COMPARISON},
            "projections": {
                name: {part: each.get(part) for part in DIFFERENCE}
                for name, each in difference.get("projections", {}).items()
            },
            "sha256": digest_of(difference),
        },
        "acceptance": replay.acceptance,
        "cutover": {name: cutover[name] for name in CUTOVER},
        "planned_at": replay.created_at.isoformat(),
    }


# When it was compared, at which shard positions, under which expectations.
COMPARISON: Final = ("compared_at", "at", "rules", "surprises")
DIFFERENCE: Final = ("cells", "differing", "expected", "surprises", "checksums")
CUTOVER: Final = ("generation", "at", "shards", "seconds", "held_seconds")


def _read_models(connection: Connection[Any], replay: Replay) -> list[dict[str, Any]]:
    sides = [
        (each.projection, version)
        for each in replay.targets
        for version in (each.from_version, each.to_version)
    ]
    names, numbers = [name for name, _ in sides], [version for _, version in sides]
    known = {
        (name, version): (edition, fingerprints)
        for name, version, edition, fingerprints in connection.execute(VERSIONS, (names, numbers))
    }
    return [
        {
            "projection": each.projection,
            "from_version": each.from_version,
            "from_edition": known[each.projection, each.from_version][0],
            "to_version": each.to_version,
            "to_edition": known[each.projection, each.to_version][0],
            "fingerprints": known[each.projection, each.to_version][1],
        }
        for each in replay.targets
    ]


def _ranges(connection: Connection[Any], ends: Mapping[str, int]) -> list[dict[str, Any]]:
    """From the beginning of each ledger to where every version that answers showed it."""
    hashes = _chain_hashes(connection, ends)
    return [
        {
            "ledger": ledger,
            "after": 0,
            "after_hash": GENESIS_HASH.hex(),
            "up_to": ends[ledger],
            "up_to_hash": hashes[ledger],
        }
        for ledger in sorted(hashes)
    ]


def _chain_hashes(connection: Connection[Any], ends: Mapping[str, int]) -> dict[str, str]:
    rows = connection.execute(CHAIN, (list(ends), list(ends.values())))
    return {ledger: chain_hash.hex() for ledger, _, chain_hash in rows}
