"""Stream `location-<id>`: a place that holds stock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LocationType = Literal["warehouse", "store", "supplier", "transit", "other", "bin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationRegistered:
    """A place is known from here on. Coordinates in millionths of a degree (WGS 84), or None when
    unknown.
    """

    location: str
    name: str
    type: LocationType = "warehouse"
    latitude_microdegrees: int | None = None
    longitude_microdegrees: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationNested:
    """The location is a part of another one: a bin in a warehouse."""

    location: str
    parent: str
