"""Which versions this process's code must not feed, and what became of those it cannot feed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from eventlog.postgres.connections import Pool, borrowed
from projections.catalogue import ReadModel
from projections.editions import EDITIONS, edition
from projections.fingerprints import changed, fingerprints

FINGERPRINTS: Final = "SELECT fingerprints FROM projections WHERE projection = %s AND version = %s"
# The replay that has built the version, or would go back to it.
TELL: Final = """
UPDATE replays AS r SET error = %(why)s, updated_at = clock_timestamp()
  FROM replay_targets AS t
 WHERE t.replay_id = r.replay_id AND t.is_open AND t.projection = %(projection)s
   AND %(version)s IN (t.from_version, t.to_version)
   AND r.state IN ('following', 'diffed', 'promoted', 'rolled_back')
   AND (%(why)s::text IS NOT NULL OR starts_with(r.error, %(about)s))
"""


def refusal(pool: Pool, model: ReadModel) -> str | None:
    """Why this release must not feed it: it lacks its edition, or has other code under that name.

    Raises `LogUnavailableError`.
    """
    if model.edition not in EDITIONS:
        return f"no edition {model.edition!r} in this release: its own has to feed it"
    with borrowed(pool) as connection:
        rows = connection.execute(FINGERPRINTS, (model.name, model.version)).fetchall()
    built = rows[0][0] if rows else {}
    types = changed(built, _fingerprints(model.name, model.edition))
    if not built or not types:  # Nothing is known of what was entered before there were editions.
        return None
    return (
        f"it was built with other code for {', '.join(sorted(types))}: run the workers of the"
        f" release that built it, and `backstock replay plan {model.name}`; or, when the code means"
        f" what it did, `backstock replay adopt {model.name}`"
    )


def tell(pool: Pool, model: ReadModel, why: str | None) -> None:
    """Let the open replay of the version say why it is not fed; None takes that back.

    Raises `LogUnavailableError`.
    """
    about = f"{model.name} v{model.version} is not fed: "
    values = {
        "projection": model.name,
        "version": model.version,
        "why": None if why is None else about + why,
        "about": about,
    }
    with borrowed(pool) as connection:
        connection.execute(TELL, values)


@cache
def _fingerprints(projection: str, name: str) -> Mapping[str, str]:
    return fingerprints(projection, edition(name))
