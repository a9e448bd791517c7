"""`backstock replay adopt`: today's code means what the code meant that built what is fed."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from ops.cli.output import print_json
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stores import Stores


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(adopt)


def adopt(
    projections: Annotated[
        list[str], typer.Argument(help="Which read models, such as stock_levels.")
    ],
    *,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """State that the code that folds a read model was edited, and means what it did.

    A version is fed only by the code that built it, known by its fingerprints; an edit that leaves
    the meaning alone changes them too. After this the projectors of this release feed the versions
    again, within seconds. Where the meaning has changed, plan a replay instead; `backstock verify`
    tells.

    For example:

        backstock replay adopt stock_levels
    """
    from ops.replaying import replaying
    from replay.adopting import adopt as enter

    with replaying(Stores.of(Settings(data=directory_of(data).root))) as around:
        found = enter(around.pool, projections)
    if as_json:
        print_json({"adopted": [asdict(each) for each in found]})
        return
    console = Console()
    for each in found:
        console.print(
            f"{each.projection} v{each.version}: {', '.join(each.types)}",
            highlight=False,
            soft_wrap=True,
        )
    if not found:
        console.print("nothing has changed")
