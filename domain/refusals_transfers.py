"""Why a command about a transfer, or a move inside a place, was refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from domain.refusals import Refusal

TransferStatus = Literal[
    "placed", "in_transit", "partly_received", "received", "closed", "cancelled"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownTransfer(Refusal):
    code: ClassVar[str] = "unknown_transfer"
    transfer_id: str

    def sentence(self) -> str:
        return f"There is no transfer {self.transfer_id}; place it first."


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferExists(Refusal):
    code: ClassVar[str] = "transfer_exists"
    transfer_id: str

    def sentence(self) -> str:
        return f"Transfer {self.transfer_id} was placed already; use a new id."


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferState(Refusal):
    """The transfer is in a state from which this does not follow; `wanted` is what was asked."""

    code: ClassVar[str] = "transfer_state"
    transfer_id: str
    status: TransferStatus
    wanted: Literal["dispatched", "received", "closed", "cancelled"]

    def sentence(self) -> str:
        told = f"Transfer {self.transfer_id} is {self.status.replace('_', ' ')}"
        if self.status == "placed" and self.wanted == "closed":
            return f"{told}: cancel it, nothing has left yet."
        if self.status == "placed":
            return f"{told} and cannot be {self.wanted} before it is dispatched."
        if self.status == "partly_received" and self.wanted == "cancelled":
            return f"{told}: close it, and what has not arrived returns to the origin."
        return f"{told} and cannot be {self.wanted}."


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownTransferLine(Refusal):
    code: ClassVar[str] = "unknown_transfer_line"
    transfer_id: str
    line: int
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"Transfer {self.transfer_id} has no line {self.line}; name one that it has."


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferLineRepeated(Refusal):
    code: ClassVar[str] = "transfer_line_repeated"
    transfer_id: str
    line: int
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"Line {self.line} of transfer {self.transfer_id} is named twice; name it once."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceedsTransfer(Refusal):
    code: ClassVar[str] = "exceeds_transfer"
    transfer_id: str
    line: int
    requested: int
    wanted: int
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"Line {self.line} of transfer {self.transfer_id} is of {self.wanted}, "
            f"not the {self.requested} to be sent; send the others on another transfer."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LotNotSent(Refusal):
    """`lot` is a serial for an item that is tracked so."""

    code: ClassVar[str] = "lot_not_sent"
    transfer_id: str
    line: int
    sku: str
    lot: str
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"On line {self.line} of transfer {self.transfer_id} no {self.lot} of {self.sku} is in "
            "transit; name what was sent, and book what came beside it with receive_stock."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReceiptExists(Refusal):
    code: ClassVar[str] = "transfer_receipt_exists"
    transfer_id: str
    receipt_id: str

    def sentence(self) -> str:
        return (
            f"Receipt {self.receipt_id} of transfer {self.transfer_id} is recorded already; "
            "a further arrival needs a new id."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TooFewToMove(Refusal):
    """A transfer or a move takes only what nobody was promised. It is nobody's demand, so it is
    not InsufficientStock.
    """

    code: ClassVar[str] = "too_few_to_move"
    sku: str
    location: str
    requested: int
    available: int
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return (
            f"{self.requested} of {self.sku} were to leave {self.location}, {self.available} are "
            "promised to nobody; send no more than those."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SameLocation(Refusal):
    code: ClassVar[str] = "same_location"
    location: str

    def sentence(self) -> str:
        return f"Location {self.location} is origin and destination; name two different ones."
