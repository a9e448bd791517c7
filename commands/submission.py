"""What goes into the write side, and what comes out of it."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Literal, TypeGuard

from commands.lot_messages import HoldStock, ReleaseHold
from commands.message import Message
from commands.messages import AdjustStock
from commands.order_messages import PlaceOrder
from commands.write_off_messages import WriteOffStock
from domain.construction import made_often

Mode = Literal["independent", "atomic"]
Outcome = Literal["accepted", "refused", "key_conflict", "not_applied", "failed"]

SUBJECT = re.compile(r"sub_[0-9a-f]{32}")
ACTOR = re.compile(r"sub_[0-9a-f]{32}|key_[A-Za-z0-9]{1,64}|system_[a-z0-9_]{1,64}")
Approved = AdjustStock | WriteOffStock | HoldStock | ReleaseHold
CORRELATION = re.compile(r"[ -~]{1,200}")


def may_be_approved(command: Message) -> TypeGuard[Approved]:
    """Whether it is one of those that name their approver."""
    return _names_approver(type(command))


@cache
def _names_approver(kind: type[Message]) -> bool:
    # Every model has a check of its own for being an instance of it: each costs half a microsecond.
    return issubclass(kind, Approved)


def subject_id(secret: bytes, kind: str, external_id: str) -> str:
    """A person's or firm's opaque id: the same for ever, and no way back without `secret`."""
    named = kind.encode() + b"\0" + external_id.encode()
    return "sub_" + hmac.digest(secret, named, sha256).hex()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One command and who sends it. ValueError when a person's own name would reach the log."""

    tenant: str
    actor: str
    command: Message
    correlation_id: str | None = None
    traceparent: str | None = None

    def __post_init__(self) -> None:
        if not ACTOR.fullmatch(self.actor):
            raise ValueError(f"actor {self.actor!r} is not opaque: see subject_id")
        for trace in (self.correlation_id, self.traceparent):
            if trace is not None and not CORRELATION.fullmatch(trace):
                raise ValueError("correlation_id and traceparent are printable ASCII, up to 200")
        if isinstance(self.command, PlaceOrder):
            customer = self.command.customer
            if self.command.ship_to is not None:
                raise ValueError("ship_to is not sealed: see WithDestination.opaque")
            if customer is not None and not SUBJECT.fullmatch(customer):
                raise ValueError("customer is not a subject id: see subject_id")
        if may_be_approved(self.command):
            approver = self.command.approved_by
            if approver is not None and not ACTOR.fullmatch(approver):
                raise ValueError("approved_by is not opaque: see subject_id")

    @property
    def ledger(self) -> str:
        return f"{self.tenant}/{self.command.ledger}"


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one command.

    `body` is JSON; when the answer is stored, the exact bytes every retry gets. Stored are accepted
    ones, and refused ones but for what is known before a ledger is touched (`commands.answers`).
    `failed` means that no answer could be had (`code` busy, outcome_unknown, unavailable or
    internal): the same key, sent again, tells. `not_applied` means that another line of its atomic
    bulk failed: its own key is free, that of the other line is not. `replayed` says the answer was
    found, not made.
    """

    outcome: Outcome
    code: str | None = None
    body: bytes
    replayed: bool = False
    first_position: int | None = None
    last_position: int | None = None
