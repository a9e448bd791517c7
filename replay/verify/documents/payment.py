"""An independent fold of payments: three sums, and how far it came."""

from __future__ import annotations

from typing import Any

from replay.verify.documents.fold import Data, DocumentKind
from replay.verify.rows import EventRow

SUMS = {
    "payment.authorised.v1": "authorised_micros",
    "payment.captured.v1": "captured_micros",
    "payment.refunded.v1": "refunded_micros",
}
FAILED = "payment.failed.v1"
TIMED_OUT = "payment.timed_out.v1"
REFUND_DUE = "payment.refund_due.v1"


class PaymentDocument:
    def __init__(self, payment_id: str) -> None:
        self._payment_id = payment_id
        self._order_id: str | None = None
        self._currency: str | None = None
        self._sums = dict.fromkeys(SUMS.values(), 0)
        self._ended: set[str] = set()
        self._reason = ""
        self._reports: list[str] = []

    def apply(self, row: EventRow, data: Data) -> None:
        self._order_id = self._order_id or data.get("order_id")
        if row.type in {TIMED_OUT, REFUND_DUE}:
            self._ended.add(row.type)
            return
        said = row.type.removeprefix("payment.").removesuffix(".v1")
        name = f"{said} {data['reference']}"
        if name in self._reports:
            raise ValueError(f"{name} is recorded twice")
        self._reports.append(name)
        self._currency = data["currency"]
        if row.type == FAILED:
            self._ended.add(FAILED)
            self._sums["authorised_micros"] = 0
        else:
            self._sums[SUMS[row.type]] += data["amount_micros"]
        if said in {"failed", "refunded"}:
            self._reason = data.get("reason", "")
        if self._sums["refunded_micros"] > self._sums["captured_micros"]:
            raise ValueError("more was refunded than captured")

    def status(self) -> str:
        captured = self._sums["captured_micros"]
        if captured:
            if self._sums["refunded_micros"] == captured:
                return "refunded"
            return "to_refund" if REFUND_DUE in self._ended else "captured"
        if FAILED in self._ended:
            return "failed"
        return "authorised" if self._sums["authorised_micros"] else "timed_out"

    def refs(self) -> list[str]:
        return [] if self._order_id is None else [f"order:{self._order_id}"]

    def body(self) -> dict[str, Any]:
        return {
            "payment_id": self._payment_id,
            "order_id": self._order_id,
            "currency": self._currency,
            **self._sums,
            "is_failed": FAILED in self._ended,
            "is_timed_out": TIMED_OUT in self._ended,
            "is_refund_due": REFUND_DUE in self._ended,
            "reason": self._reason,
            "reports": self._reports,
        }


KIND = DocumentKind(
    types=(*SUMS, FAILED, TIMED_OUT, REFUND_DUE), begin=PaymentDocument, names=("payment_id",)
)
