"""Which versions this process's code must not feed, and what became of those it cannot feed."""

from __future__ import annotations

from typing import Final

from eventlog.postgres.connections import Pool, borrowed
from projections.catalogue import ReadModel
from projections.feedable import why_not_fed

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
    with borrowed(pool) as connection:
        return why_not_fed(connection, model)


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
