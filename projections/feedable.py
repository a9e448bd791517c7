"""Which versions the code that runs here may feed: those that it has built, by its fingerprints.

Fingerprints are read off the source on the disk, once: whoever feeds has it done at its start, so
that they are of the code that runs, whatever comes to lie there later.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from projections.catalogue import ReadModel, active
from projections.editions import EDITIONS, edition
from projections.fingerprints import changed, fingerprints

FINGERPRINTS: Final = "SELECT fingerprints FROM projections WHERE projection = %s AND version = %s"


def why_not_fed(connection: Connection[TupleRow], model: ReadModel) -> str | None:
    """The edition that is not here, or the types that other code folded; with the remedy."""
    if model.edition not in EDITIONS:
        return f"no edition {model.edition!r} in this release: its own has to feed it"
    built = built_with(connection, model)
    types = changed(built, fingerprints_here(model.name, model.edition))
    if not built or not types:  # Nothing is known of what was entered before there were editions.
        return None
    return (
        f"it was built with other code for {', '.join(sorted(types))}: run the workers of the"
        f" release that built it, and `backstock replay plan {model.name}`; or, when the code means"
        f" what it did, `backstock replay adopt {model.name}`"
    )


def built_with(connection: Connection[TupleRow], model: ReadModel) -> Mapping[str, str]:
    """The fingerprints of the code that has built a version; none where nothing is known of it."""
    rows = connection.execute(FINGERPRINTS, (model.name, model.version)).fetchall()
    return rows[0][0] if rows else {}


def active_not_fed(connection: Connection[TupleRow]) -> dict[tuple[str, int], str]:
    """Why, for each active version, by name and number, that this code must not feed."""
    found = {
        (model.name, model.version): why_not_fed(connection, model)
        for model in active(connection).values()
    }
    return {key: why for key, why in found.items() if why is not None}


def know_running_code(projection: str) -> None:
    """Of all editions, before the disk may have other code."""
    for name in EDITIONS:
        fingerprints_here(projection, name)


@cache
def fingerprints_here(projection: str, name: str) -> Mapping[str, str]:
    """Of the edition of that name, kept from the first call on."""
    return fingerprints(projection, edition(name))
