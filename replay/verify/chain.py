"""Law 8: the hash chain, recomputed from the stored columns, against every head that was signed.

leaf = SHA-256(0x00 | for every column but the hash itself and the shard's own: 4-byte length |
bytes); hash = SHA-256(0x01 | previous hash | leaf), starting from 32 zero bytes. Integers and
instants (microseconds since 1970, UTC) are 8 bytes, big-endian.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct

from replay.verify.heads import HeadKey, SignedHead
from replay.verify.report import LawResult
from replay.verify.rows import EventRow, LedgerRow, microseconds

# The newest of each ledger and place; an older one is held against the chain all the same.
SIGNATURES_CHECKED_MAX = 1_000
_SIZE = Struct(">I").pack
_POSITION = Struct(">IqI").pack
_VERSION_AND_ID = Struct(">IqI16sI").pack
_INSTANTS = Struct(">IqIq").pack


def link(previous: bytes, row: EventRow) -> bytes:
    """The chain's hash at `row`, from the one before it."""
    tenant, ledger = row.tenant.encode(), row.ledger.encode()
    stream, kind = row.stream.encode(), row.type.encode()
    columns = (
        b"\x00",
        _SIZE(len(tenant)),
        tenant,
        _SIZE(len(ledger)),
        ledger,
        _POSITION(8, row.position, len(stream)),
        stream,
        _VERSION_AND_ID(8, row.version, 16, row.event_id.bytes, len(kind)),
        kind,
        _SIZE(len(row.data)),
        row.data,
        _SIZE(len(row.metadata)),
        row.metadata,
        _INSTANTS(8, microseconds(row.occurred_at), 8, microseconds(row.recorded_at)),
    )
    leaf = sha256(b"".join(columns)).digest()
    return sha256(b"\x01" + previous + leaf).digest()


class ChainCheck:
    """One ledger's chain, event by event; its head row; each signed head where it belongs."""

    def __init__(
        self, law: LawResult, ledger: LedgerRow, heads: list[SignedHead], key: HeadKey | None
    ) -> None:
        self._law = law
        self._ledger = ledger
        self._hash = bytes(32)
        self._position = 0
        self._heads: dict[int, list[SignedHead]] = {}
        for head in heads:
            self._heads.setdefault(head.position, []).append(head)
        self._key = key

    def event(self, row: EventRow) -> None:
        self._law.checked += 1
        self._hash = link(self._hash, row)
        self._position = row.position
        if self._hash != row.chain_hash:
            self._law.differ(
                where=f"chain hash of {row.name}",
                expected=f"{self._hash.hex()}, computed from the stored columns",
                found=f"{row.chain_hash.hex()}: this event, or one before it, was altered",
            )
        if row.position in self._heads:
            for head in self._heads.pop(row.position):
                self._compare(head, row)

    def _compare(self, head: SignedHead, row: EventRow) -> None:
        self._law.checked += 1
        told = (head.chain_hash, head.recorded_at_us)
        if told == (self._hash, microseconds(row.recorded_at)):
            return
        altered = "the log up to there was altered"
        genuine = self._key is None or self._key.refuses(head) is None
        self._law.differ(
            where=f"signed head in {head.source} at {row.name}",
            expected=f"{self._hash.hex()}, the log's hash there, recorded {row.recorded_at}",
            found=f"{head.chain_hash.hex()}: {altered if genuine else 'and no signature of ours'}",
        )

    def end(self) -> None:
        where = f"head of ledger {self._ledger.ledger}"
        self._law.expect(
            where=f"{where}, chain hash",
            expected=self._hash.hex(),
            found=self._ledger.chain_hash.hex(),
        )
        for position in sorted(self._heads):
            for head in self._heads[position]:
                self._law.differ(
                    where=f"ledger {self._ledger.ledger}, signed at {position} in {head.source}",
                    expected=f"a log of at least {position} events",
                    found=f"{self._position} events: its tail was cut",
                )


def check_signatures(law: LawResult, heads: list[SignedHead], key: HeadKey | None) -> None:
    """The heads of one ledger in one place, newest first."""
    for head in heads[:SIGNATURES_CHECKED_MAX]:
        law.checked += 1
        where = f"signed head of ledger {head.ledger} at position {head.position} in {head.source}"
        if key is None:
            law.differ(
                where=where,
                expected="the public key that heads are signed with",
                found="none: give the data directory that has keys/head.ed25519.pub",
            )
            return
        if (refusal := key.refuses(head)) is not None:
            law.differ(where=where, expected="a signature of this store's key", found=refusal)
