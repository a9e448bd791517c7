"""`backstock replay …`: the group that every command about the past belongs to."""

import typer

from ops.cli import (
    compensating,
    forking,
    replay_adopt,
    replay_cutover,
    replay_diff,
    replay_drill,
    replay_selective,
    replaying,
)

# Each module adds its commands to the one group.
PARTS = (
    replaying,
    replay_selective,
    replay_diff,
    replay_cutover,
    replay_adopt,
    replay_drill,
    forking,
    compensating,
)


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        help="Read the past again: rebuild and compare, ask what would have been, make up for it.",
        no_args_is_help=True,
    )
    for part in PARTS:
        part.register(group)
    app.add_typer(group, name="replay")
