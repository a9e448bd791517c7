"""Law 8: the hash chain, recomputed from the stored columns, and the last signed head of each ledger.

leaf = SHA-256(0x00 | for every column but the hash itself and the shard's own: 4-byte length | bytes)
hash = SHA-256(0x01 | previous hash | leaf), starting from 32 zero bytes. Integers and instants (microseconds
since 1970, UTC) are 8 bytes, big-endian.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from replay.verify.report import LawResult
from replay.verify.rows import EventRow, LedgerRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def link(previous: bytes, row: EventRow) -> bytes:
    leaf = sha256(b"\x00")
    for column in (
        row.tenant.encode(),
        row.ledger.encode(),
        row.position.to_bytes(8, "big"),
        row.stream.encode(),
        row.version.to_bytes(8, "big"),
        row.event_id.bytes,
        row.type.encode(),
        row.data,
        row.metadata,
        microseconds(row.occurred_at).to_bytes(8, "big", signed=True),
        microseconds(row.recorded_at).to_bytes(8, "big", signed=True),
    ):
        leaf.update(len(column).to_bytes(4, "big") + column)
    return sha256(b"\x01" + previous + leaf.digest()).digest()


class SignedHead(NamedTuple):
    ledger: str
    position: int
    chain_hash: bytes
    recorded_at_us: int
    signature: bytes
    source: str

    def is_signed_by(self, key: Ed25519PublicKey) -> bool:
        text = (
            f"backstock.head.v1\n{self.ledger}\n{self.position}\n"
            f"{self.chain_hash.hex()}\n{self.recorded_at_us}"
        )
        try:
            key.verify(self.signature, text.encode())
        except InvalidSignature:
            return False
        return True


def head_of_message(value: bytes) -> SignedHead:
    """The head as the heads topic carries it. Raises ValueError or KeyError when it is something else."""
    body = json.loads(value)
    return SignedHead(
        ledger=body["ledger"],
        position=body["position"],
        chain_hash=bytes.fromhex(body["chain_hash"]),
        recorded_at_us=body["recorded_at"],
        signature=base64.b64decode(body["signature"]),
        source="the heads topic",
    )


class ChainCheck:
    """One ledger's chain, event by event; then its head row and the last head that was published."""

    def __init__(
        self,
        result: LawResult,
        ledger: LedgerRow,
        heads: Iterable[SignedHead],
        key: Ed25519PublicKey | None,
    ) -> None:
        self._result = result
        self._ledger = ledger
        self._hash = bytes(32)
        self._position = 0
        self._signed = max(heads, key=lambda head: head.position, default=None)
        self._key = key

    def event(self, row: EventRow) -> None:
        self._hash = link(self._hash, row)
        self._position = row.position
        self._result.expect(
            where=f"chain hash of {row.name}",
            expected=self._hash.hex(),
            found=row.chain_hash.hex(),
        )
        signed = self._signed
        if signed is not None and signed.position == row.position:
            self._result.expect(
                where=f"signed head of {row.name} in {signed.source}",
                expected=signed.chain_hash.hex(),
                found=self._hash.hex(),
            )

    def end(self) -> None:
        name = f"head of ledger {self._ledger.ledger}"
        self._result.expect(
            where=f"{name}, position", expected=self._ledger.position, found=self._position
        )
        self._result.expect(
            where=f"{name}, chain hash",
            expected=self._ledger.chain_hash.hex(),
            found=self._hash.hex(),
        )
        signed = self._signed
        if signed is None:
            return
        if signed.position > self._position:
            self._result.differ(
                where=f"{name}, signed at position {signed.position} in {signed.source}",
                expected=f"a log of at least {signed.position} events",
                found=f"{self._position} events: the tail was cut",
            )
        if self._key is None:
            self._result.differ(
                where=f"{name}, signed in {signed.source}",
                expected="the public key of the head signatures",
                found="none (give it with BACKSTOCK_DATA or --head-key)",
            )
        elif not signed.is_signed_by(self._key):
            self._result.differ(
                where=f"{name}, signed at position {signed.position} in {signed.source}",
                expected="a signature of this store's key",
                found="another signature",
            )
