"""Refusals about carts, longer reservations, and the ledger's policy.

carts      UnknownCart CartExists CartClosed PartOfCart
expiry     NotExtended ReservationTooLong
policy     QuotaExceeded PolicyUnchanged QuotaNotWaiting
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from domain.refusals import Refusal

CartEnding = Literal["released", "expired", "converted"]
CartRemedy = Literal["extend_cart", "release_cart", "expire_cart"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownCart(Refusal):
    code: ClassVar[str] = "unknown_cart"
    reservation_id: str

    def sentence(self) -> str:
        return f"There is no cart {self.reservation_id}; reserve one first."


@dataclass(frozen=True, slots=True, kw_only=True)
class CartExists(Refusal):
    code: ClassVar[str] = "cart_exists"
    reservation_id: str

    def sentence(self) -> str:
        return f"Cart {self.reservation_id} was reserved already; use a new id."


@dataclass(frozen=True, slots=True, kw_only=True)
class CartClosed(Refusal):
    code: ClassVar[str] = "cart_closed"
    reservation_id: str
    ended: CartEnding

    def sentence(self) -> str:
        return f"Cart {self.reservation_id} was {self.ended} already; reserve a new one."


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOfCart(Refusal):
    """One stock's share of a cart holds as long as the cart. `remedy`: what is for all of it."""

    code: ClassVar[str] = "part_of_cart"
    reservation_id: str
    remedy: CartRemedy

    def sentence(self) -> str:
        return (
            f"Reservation {self.reservation_id} is a cart; send {self.remedy}, which is for all "
            "of it."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotExtended(Refusal):
    code: ClassVar[str] = "not_extended"
    reservation_id: str
    expires_at: datetime
    holds_until: datetime

    def sentence(self) -> str:
        return (
            f"Reservation {self.reservation_id} holds until {self.holds_until.isoformat()} "
            "already; give a later instant."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationTooLong(Refusal):
    code: ClassVar[str] = "reservation_too_long"
    reservation_id: str
    expires_at: datetime
    latest: datetime
    seconds_max: int

    def sentence(self) -> str:
        return (
            f"A reservation may hold for {self.seconds_max} s here: "
            f"{self.reservation_id} until {self.latest.isoformat()} at the latest."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaExceeded(Refusal):
    """`open` are the units reserved now, `requested` those that were to be added."""

    code: ClassVar[str] = "quota_exceeded"
    quota: int
    open: int
    requested: int

    def sentence(self) -> str:
        return (
            f"{self.open} units are reserved and {self.quota} may be: {self.requested} more are "
            "too many. Release some, or set a larger quota."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyUnchanged(Refusal):
    code: ClassVar[str] = "policy_unchanged"
    policy_version: int

    def sentence(self) -> str:
        return (
            f"Version {self.policy_version} of the ledger's policy says this already; change at "
            "least one field."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaNotWaiting(Refusal):
    """No quota waits to learn how many units were reserved when it began."""

    code: ClassVar[str] = "quota_not_waiting"
    policy_version: int

    def sentence(self) -> str:
        return (
            f"No quota that began with version {self.policy_version} of the policy waits for its "
            "opening figure; set one first."
        )
