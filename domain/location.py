"""A location: where stock can be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from domain.events import LocationEvent, LocationNested, LocationRegistered, LocationType
from domain.refusals import LocationExists, Refusal, UnknownLocation
from domain.streams import location_stream
from domain.values import Fact, Facts, Occasion


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    location: str
    name: str
    type: LocationType = "warehouse"
    latitude_microdegrees: int | None = None
    longitude_microdegrees: int | None = None
    parent: str | None = None


def evolve(
    location: Location | None,
    event: LocationEvent,
    occurred_at: datetime,  # noqa: ARG001 - every aggregate evolves with the same arguments
) -> Location | None:
    """The state after one more fact of its stream."""
    if isinstance(event, LocationNested):
        return None if location is None else replace(location, parent=event.parent)
    return Location(
        location=event.location,
        name=event.name,
        type=event.type,
        latitude_microdegrees=event.latitude_microdegrees,
        longitude_microdegrees=event.longitude_microdegrees,
    )


def register(
    location: Location | None,
    proposed: LocationRegistered,
    occasion: Occasion,
    *,
    parent_id: str | None = None,
    parent: Location | None = None,
) -> Facts | Refusal:
    """The proposed event becomes a fact unless the id is taken. `parent` is the location that
    `parent_id` names: the place that this one is a part of.
    """
    if location is not None:
        return LocationExists(location=proposed.location)
    if parent_id is not None and parent is None:
        return UnknownLocation(location=parent_id)
    fact = Fact(
        stream=location_stream(proposed.location),
        event=proposed,
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
    )
    return (fact, *_nested(proposed.location, parent, occasion))


def _nested(location: str, parent: Location | None, occasion: Occasion) -> Facts:
    if parent is None:
        return ()
    fact = Fact(
        stream=location_stream(location),
        event=LocationNested(location=location, parent=parent.location),
        event_id=occasion.new_id(),
        occurred_at=occasion.occurred_at,
    )
    return (fact,)
