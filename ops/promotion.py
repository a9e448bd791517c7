"""Promotion, roll-back and retirement as this deployment does them, receipts included."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import structlog

from eventlog.heads import PUBLIC_NAME, HeadKey
from eventlog.postgres.append import PostgresAppender
from eventlog.postgres.connections import borrowed
from ops.own_positions import own_positions
from ops.replaying import Replaying
from ops.stack.errors import StackError
from ops.verification import head_key
from projections.catalogue import ReadModel
from replay import cutover, retiring
from replay.cutover import Cutover
from replay.gate import Acceptance
from replay.receipt import Receipt, faults_of, make_receipt, receipts_of
from replay.receipt_events import append_receipt, missing_from
from replay.records import Replay, replay

log = structlog.get_logger(__name__)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    cutover: Cutover
    receipt: Receipt


def promote(around: Replaying, replay_id: UUID, acceptance: Acceptance | None) -> Promotion:
    """Switch, then leave the receipt. Repeatable: what is done is told, what lacks is done.

    Raises as `replay.cutover.promote` does, `HeadKeyError`, and as an append does.
    """
    key = HeadKey.in_directory(around.stores.keys_directory)
    _warn_of_another_key(around, key)
    with own_positions(around) as positions:
        done = cutover.promote(
            around.pool,
            replay_id,
            acceptance=acceptance,
            positions=positions,
            sleep=time.sleep,
            clock=time.monotonic,
        )
    receipt = make_receipt(around.pool, _read(around, replay_id), key)
    appender = PostgresAppender(around.pool, clock=lambda: datetime.now(UTC))
    append_receipt(appender, around.reader, receipt, shards=around.identity.shards)
    return Promotion(cutover=done, receipt=receipt)


def rollback(around: Replaying, replay_id: UUID) -> Cutover:
    """Raises as `replay.cutover.rollback` does."""
    with own_positions(around) as positions:
        return cutover.rollback(
            around.pool,
            replay_id,
            positions=positions,
            sleep=time.sleep,
            clock=time.monotonic,
        )


def retire(around: Replaying, replay_id: UUID) -> Sequence[ReadModel]:
    """Raises as `replay.retiring.retire` does."""
    return retiring.retire(around.pool, replay_id, drop=around.drop, sleep=time.sleep)


def checked_receipts(around: Replaying, replay_id: UUID) -> list[dict[str, Any]]:
    """Each receipt of a replay, the latest last, with `faults`: what is wrong with it.

    Raises `NoReceiptError`, `UnknownReplayError`.
    """
    public = head_key(around.stores.keys_directory / PUBLIC_NAME)
    found = receipts_of(_read(around, replay_id))
    if not found:
        raise NoReceiptError(replay_id)
    return [
        {
            **receipt.as_dict(),
            "faults": [
                *faults_of(around.pool, receipt, public),
                *(
                    f"ledger {ledger} does not hold its event"
                    for ledger in missing_from(around.reader, receipt)
                ),
            ],
        }
        for receipt in found
    ]


def _warn_of_another_key(around: Replaying, key: HeadKey) -> None:
    """Who checks the receipt where the store's own key is would not know this one."""
    with borrowed(around.pool) as connection:
        known = {row[0] for row in connection.execute(KEY_IDS).fetchall()}
    if known and key.key_id not in known:
        log.warning(
            "receipt signed with another key than the store's heads",
            key_id=key.key_id,
            keys=str(around.stores.keys_directory),
            remedy="set BACKSTOCK_DATA to a directory with the keys/ of the relay",
        )


def _read(around: Replaying, replay_id: UUID) -> Replay:
    with borrowed(around.pool) as connection:
        return replay(connection, replay_id)
