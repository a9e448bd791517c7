"""Personal data in commands. It goes no further than the API, which seals it before anything is
hashed, logged or decided.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

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
