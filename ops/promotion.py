"""Promotion, roll-back and retirement as this deployment does them, receipts included."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from eventlog.heads import PRIVATE_NAME, PUBLIC_NAME, HeadKey
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import borrowed
from ops.own_positions import own_positions
from ops.replaying import Replaying
from ops.stack.errors import StackError
from ops.verification import head_key
from projections.catalogue import ReadModel
from replay import cutover, records, retiring
from replay.cutover import Cutover
from replay.gate import Acceptance, difference_of
from replay.receipt import Receipt, faults_of, receipts_of
from replay.receipt_events import (
    NotToldError,
    append_notice,
    missing_from,
    notice_of,
    notices_of,
)
from replay.records import Replay

# By each ledger's latest signed head; the index of the primary key leads from one to the next.
KEY_IDS: Final = """
SELECT DISTINCT head.key_id FROM ledgers CROSS JOIN LATERAL (
       SELECT key_id FROM signed_heads AS signed WHERE signed.ledger = ledgers.ledger
        ORDER BY position DESC LIMIT 1) AS head
"""


class NoReceiptError(StackError):
    def __init__(self, replay_id: UUID) -> None:
        super().__init__(
            f"replay {replay_id} has no receipt: `backstock replay promote` leaves one"
        )


class NoSigningKeyError(StackError):
    """Nothing was changed: a receipt signed by a key of its own would prove nothing to anybody."""

    def __init__(self, directory: Path, *, other: str | None = None) -> None:
        lack = (
            f"no {PRIVATE_NAME} to sign the receipt with"
            if other is None
            else f"the key {other}, which has not signed the heads of this store"
        )
        super().__init__(
            f"{directory} has {lack}: give the data directory"
            " whose keys/ the relay signs heads with, by --data or BACKSTOCK_DATA"
        )
        self.directory = directory
        self.other = other


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    cutover: Cutover
    receipt: Receipt


def promote(around: Replaying, replay_id: UUID, acceptance: Acceptance | None) -> Promotion:
    """Switch, then tell every ledger. Repeatable: what is done is told, what lacks is done.

    Raises as `replay.cutover.promote` does, `NoSigningKeyError`, `HeadKeyError`, and as an append
    does.
    """
    key = signing_key(around)
    found = tell_ledgers(around, replay_id)
    if acceptance is not None and acceptance.difference_sha256 is None:
        # That of now: one which is stored while the versions come close was looked at by nobody.
        acceptance = replace(acceptance, difference_sha256=difference_of(found))
    with own_positions(around) as positions:
        done = cutover.promote(
            around.pool,
            replay_id,
            acceptance=acceptance,
            key=key,
            positions=positions,
            sleep=time.sleep,
            clock=time.monotonic,
        )
    found = tell_ledgers(around, replay_id)
    return Promotion(cutover=done, receipt=receipts_of(found)[-1])


def rollback(around: Replaying, replay_id: UUID) -> Cutover:
    """Switch back, at once, then tell every ledger. Repeatable.

    Raises as `replay.cutover.rollback` does, and as an append does.
    """
    with own_positions(around) as positions:
        done = cutover.rollback(
            around.pool,
            replay_id,
            positions=positions,
            sleep=time.sleep,
            clock=time.monotonic,
        )
    tell_ledgers(around, replay_id)
    return done


def retire(around: Replaying, replay_id: UUID) -> Sequence[ReadModel]:
    """Raises as `replay.retiring.retire` does, and as an append does."""
    tell_ledgers(around, replay_id)
    return retiring.retire(around.pool, replay_id, drop=around.drop, sleep=time.sleep)


def tell_ledgers(around: Replaying, replay_id: UUID) -> Replay:
    """Append what the ledgers lack of the replay's switches: who switched last may have died before
    it did so. Repeatable. Raises `UnknownReplayError`, `NotToldError`, and as an append does.
    """
    found = _read(around, replay_id)
    appender = PostgresAppender(around.pool, clock=lambda: datetime.now(UTC))
    for notice in notices_of(found):
        if lacking := missing_from(around.reader, notice):
            left = replace(notice, events={name: notice.events[name] for name in lacking})
            append_notice(appender, around.reader, left, shards=around.identity.shards)
            if still := missing_from(around.reader, left):
                raise NotToldError(notice.replay_id, still)
    return found


def checked_receipts(around: Replaying, replay_id: UUID) -> list[dict[str, Any]]:
    """Each receipt of a replay, the latest last, with `faults`: what is wrong with it.

    Raises `NoReceiptError`, `UnknownReplayError`.
    """
    public = head_key(around.stores.keys_directory / PUBLIC_NAME)
    replay = _read(around, replay_id)
    found = receipts_of(replay)
    if not found:
        raise NoReceiptError(replay_id)
    return [
        {
            **receipt.as_dict(),
            "faults": [
                *faults_of(around.pool, replay, receipt, public),
                *(
                    f"ledger {ledger} does not hold its event"
                    for ledger in missing_from(around.reader, notice_of(receipt))
                ),
            ],
        }
        for receipt in found
    ]


def signing_key(around: Replaying) -> HeadKey:
    """The one there is, which signed the heads where any are: none is made here.

    Raises `NoSigningKeyError`, `HeadKeyError`.
    """
    directory = around.stores.keys_directory
    if not (directory / PRIVATE_NAME).exists():
        raise NoSigningKeyError(directory)
    key = HeadKey.in_directory(directory)
    with borrowed(around.pool) as connection:
        known = {row[0] for row in connection.execute(KEY_IDS).fetchall()}
    # Who checks the receipt where the store's own key is would not know this one.
    if known and key.key_id not in known:
        raise NoSigningKeyError(directory, other=key.key_id)
    return key


def _read(around: Replaying, replay_id: UUID) -> Replay:
    with borrowed(around.pool) as connection:
        return records.replay(connection, replay_id)
