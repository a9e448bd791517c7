"""An operator's word that today's code folds as that code did which built the versions fed now.

Fingerprints change with any edit of a fold, one that leaves its meaning alone as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg.types.json import Json

from eventlog.postgres.connections import Pool
from projections.catalogue import FED, STORES, versions
from projections.editions import EDITIONS
from projections.fingerprints import changed, fingerprints

FINGERPRINTS: Final = """
SELECT fingerprints FROM projections WHERE projection = %s AND version = %s FOR UPDATE
"""
ADOPT: Final = "UPDATE projections SET fingerprints = %s WHERE projection = %s AND version = %s"


class NoProjectionError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no read model {name!r}: {', '.join(STORES)}")
        self.name = name


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """A version, and the stored types whose code had changed."""

    projection: str
    version: int
    edition: str
    types: tuple[str, ...]


def adopt(pool: Pool, projections: Sequence[str]) -> list[Adopted]:
    """Enter the fingerprints of today's code for every version that is fed; those that changed.

    Versions of editions that are not here are left alone. Raises `NoProjectionError`.
    """
    found = []
    with pool.connection() as connection, connection.transaction():
        for projection in projections:
            known = versions(connection, projection)
            if not known:
                raise NoProjectionError(projection)
            for model in known.values():
                if model.state not in FED or model.edition not in EDITIONS:
                    continue
                values = (projection, model.version)
                ((before,),) = connection.execute(FINGERPRINTS, values).fetchall()
                after = fingerprints(projection, EDITIONS[model.edition])
                if not (types := changed(before, after)):
                    continue
                connection.execute(ADOPT, (Json(after), *values))
                found.append(
                    Adopted(
                        projection=projection,
                        version=model.version,
                        edition=model.edition,
                        types=tuple(sorted(types)),
                    )
                )
    return found
