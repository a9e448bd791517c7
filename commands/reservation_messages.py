"""Commands about carts, longer reservations, and the ledger's policy."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from commands.fields import Id, Instant, InUnit, Level, LineNumber, Quantity, ReasonCode
from commands.lines import check_numbers
from commands.message import Message
from commands.order_messages import Line
from domain.events import PolicySet
from domain.values import (
    ORDER_LINES_MAX,
    PAYMENT_SECONDS_MAX,
    REASON_CODES_MAX,
    RESERVATION_SECONDS_MAX,
)

CartId = Annotated[Id, Field(description="The cart's id, unique in the ledger for ever.")]
UNREAD_CART_LINES = 10  # A cart named only by its id is sized before it is read.


class LineToReserve(Line):
    line: Annotated[LineNumber, Field(description="The line's number in the cart.")]
    sku: Id
    location: Id
    quantity: Quantity
    unit: InUnit = None


class ReserveCart(Message):
    """Promise every line until `expires_at`, or none; lines of one stock are summed up first."""

    type_name: ClassVar = "reserve_cart"

    type: Literal["reserve_cart"]
    reservation_id: CartId
    lines: Annotated[tuple[LineToReserve, ...], Field(min_length=1, max_length=ORDER_LINES_MAX)]
    expires_at: Instant

    @model_validator(mode="after")
    def lines_are_distinct(self) -> Self:
        check_numbers(self.lines)
        return self

    def estimated_events(self) -> int:
        return 1 + len(self.lines)


class _Cart(Message):
    reservation_id: Id

    def estimated_events(self) -> int:
        return UNREAD_CART_LINES


class ExtendCart(_Cart):
    """Hold what is left of a cart until a later instant."""

    type_name: ClassVar = "extend_cart"

    type: Literal["extend_cart"]
    expires_at: Instant


class ReleaseCart(_Cart):
    """Give back what is left of a cart before its time is over."""

    type_name: ClassVar = "release_cart"

    type: Literal["release_cart"]


class ExpireCart(_Cart):
    """Give back what is left of a cart because its time is over; refused before that."""

    type_name: ClassVar = "expire_cart"

    type: Literal["expire_cart"]


class ExtendReservation(Message):
    """Hold what is left of a reservation until a later instant."""

    type_name: ClassVar = "extend_reservation"

    type: Literal["extend_reservation"]
    sku: Id
    location: Id
    reservation_id: Id
    expires_at: Instant


class SetPolicy(Message):
    """Change the ledger's policy: a field that is left out stays, null takes a limit off."""

    type_name: ClassVar = "set_policy"

    type: Literal["set_policy"]
    reservation_quota: Annotated[
        Level | None, Field(description="Units that may be reserved at once in the whole ledger.")
    ] = None
    reservation_seconds_max: Annotated[
        int | None,
        Field(
            strict=True,
            ge=1,
            le=RESERVATION_SECONDS_MAX,
            description="For how long a reservation may hold, from now on.",
        ),
    ] = None
    approval_units: Annotated[
        Quantity | None,
        Field(description="From so many units on, a write-off or adjustment names its approver."),
    ] = None
    reason_codes: Annotated[
        tuple[ReasonCode, ...],
        Field(
            max_length=REASON_CODES_MAX,
            description="Those that write-offs, adjustments and holds may give; none: any.",
        ),
    ] = ()
    payment_seconds: Annotated[
        int | None,
        Field(
            strict=True,
            ge=1,
            le=PAYMENT_SECONDS_MAX,
            description="For how long an order placed from now on waits for its payment; a day "
            "when nothing is said.",
        ),
    ] = None

    @model_validator(mode="after")
    def something_is_given(self) -> Self:
        if not self.given():
            raise PydanticCustomError("policy", "give at least one field of the policy")
        return self

    def given(self) -> frozenset[str]:
        """The policy's fields that were given, also those given as their default."""
        return frozenset(self.model_fields_set & POLICY_FIELDS)

    def after(self, before: PolicySet) -> PolicySet:
        """The policy as it was, with what was given in its place."""
        return replace(before, **{name: getattr(self, name) for name in self.given()})

    def body(self) -> str:
        # Here a field left out and one set to its default are two different wishes.
        return f"{sorted(self.given())} {self.model_dump_json(exclude={'key'})}"


POLICY_FIELDS = frozenset(PolicySet.__slots__)


class OpenQuota(Message):
    """What process managers send, and no client can: how many units were reserved when the quota
    began.
    """

    type_name: ClassVar = "open_quota"

    type: Literal["open_quota"]
    units: Level
    policy_version: Annotated[int, Field(strict=True, ge=1)]
