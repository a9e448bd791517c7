"""Personal data in commands. It goes no further than the API, which seals it before anything is
hashed, logged or decided.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from commands.message import Message

ADDRESS_LINES_MAX = 4
PERSONAL_LENGTH_MAX = 200

Personal = Annotated[
    str,
    StringConstraints(min_length=1, max_length=PERSONAL_LENGTH_MAX, strip_whitespace=True),
]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class ShipTo(BaseModel):
    """To whom and where an order goes. Sealed under the customer's own key before it is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Personal
    address_lines: Annotated[
        tuple[Personal, ...],
        Field(min_length=1, max_length=ADDRESS_LINES_MAX, description="Street and number first."),
    ]
    city: Personal
    postal_code: Annotated[Personal, Field(max_length=32)] | None = None
    region: Personal | None = None
    country: Annotated[Country, Field(description="Two letters, ISO 3166-1: GB.")]
    phone: Annotated[Personal, Field(max_length=32)] | None = None
    email: Personal | None = None


class WithDestination(Message):
    """A command for a customer, to whom something goes. Once sealed, `ship_to` is None."""

    ship_to: Annotated[
        ShipTo | None,
        Field(description="Sealed under the customer's own key before anything is stored."),
    ] = None
    _sealed_ship_to: str | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def a_destination_is_somebody_s(self) -> Self:
        if self.ship_to is not None and getattr(self, "customer", None) is None:
            raise PydanticCustomError(
                "ship_to", "name the customer: where it goes is sealed under the customer's key"
            )
        return self

    @property
    def sealed_ship_to(self) -> str | None:
        return self._sealed_ship_to

    def opaque(self, customer: str, sealed_ship_to: str | None) -> Self:
        """The same command with a subject id for its customer, its destination sealed."""
        found = self.model_copy(update={"customer": customer, "ship_to": None})
        found._sealed_ship_to = sealed_ship_to  # noqa: SLF001 # its own class
        return found

    def body(self) -> str:
        body = super().body()
        return body if self._sealed_ship_to is None else f"{self._sealed_ship_to} {body}"
