"""Why a command about a purchase was refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from domain.refusals import Refusal

PurchaseStatus = Literal["placed", "approved", "partly_received", "received", "closed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownPurchase(Refusal):
    code: ClassVar[str] = "unknown_purchase"
    purchase_id: str

    def sentence(self) -> str:
        return f"There is no purchase {self.purchase_id}; place it first."


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseExists(Refusal):
    code: ClassVar[str] = "purchase_exists"
    purchase_id: str

    def sentence(self) -> str:
        return f"Purchase {self.purchase_id} was placed already; use a new id."


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseState(Refusal):
    """The purchase is in a state from which this does not follow; `wanted` is what was asked."""

    code: ClassVar[str] = "purchase_state"
    purchase_id: str
    status: PurchaseStatus
    wanted: Literal["approved", "changed", "received", "closed", "cancelled"]

    def sentence(self) -> str:
        told = f"Purchase {self.purchase_id} is {self.status.replace('_', ' ')}"
        if self.status == "placed":
            return f"{told} and cannot be {self.wanted} before it is approved."
        if self.wanted == "received":
            return f"{told}: receive what came nevertheless with receive_stock."
        return f"{told} and cannot be {self.wanted}."


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownPurchaseLine(Refusal):
    code: ClassVar[str] = "unknown_purchase_line"
    purchase_id: str
    line: int
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"Purchase {self.purchase_id} has no line {self.line}; change it to add one."


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseLineRepeated(Refusal):
    code: ClassVar[str] = "purchase_line_repeated"
    purchase_id: str
    line: int
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"Line {self.line} of purchase {self.purchase_id} is named twice; name it once."


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseReceiptExists(Refusal):
    code: ClassVar[str] = "purchase_receipt_exists"
    purchase_id: str
    receipt_id: str

    def sentence(self) -> str:
        return (
            f"Receipt {self.receipt_id} of purchase {self.purchase_id} is recorded already; "
            "a further delivery needs a new id."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LessThanSettled(Refusal):
    """What came, or was rejected, cannot be taken out of the purchase by a change."""

    code: ClassVar[str] = "less_than_settled"
    purchase_id: str
    line: int
    sku: str
    requested: int
    settled: int
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"Of line {self.line} of purchase {self.purchase_id} {self.settled} of {self.sku} have "
            f"come or were rejected: it cannot be changed to {self.requested}, "
            f"only to {self.settled} or more."
        )
