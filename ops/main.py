"""The `backstock` command."""

import sys

import typer
from pydantic import ValidationError
from rich.console import Console

from ops.cli import (
    access,
    archiving,
    dead_letters,
    forgetting,
    importing,
    reconciling,
    replay_group,
    roles,
    stack,
    verifying,
    webhooks,
)

# Each module of a command group adds its commands to the one application.
GROUPS = (
    stack,
    roles,
    access,
    forgetting,
    importing,
    dead_letters,
    verifying,
    reconciling,
    archiving,
    replay_group,
    webhooks,
)
FAILED = 1
WRONG_USE = 2

app = typer.Typer(
    name="backstock",
    help="Backstock: an event-sourced inventory ledger, and all it runs on.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in GROUPS:
    group.register(app)


def main() -> None:
    """Run the command line; exit with 0 when it worked, 1 when it failed, 2 for wrong use."""
    console = Console(stderr=True)
    try:
        app()
    except SystemExit:
        raise
    except ValidationError as error:
        for each in error.errors():
            name = "_".join(("BACKSTOCK", *map(str, each["loc"]))).upper()
            console.print(f"error: {name}: {each['msg']}", style="red", markup=False)
        sys.exit(WRONG_USE)
    except _faults() as error:
        from ops.faults import sentence

        text = f"error: {sentence(error)}"
        console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(FAILED)


def _faults() -> tuple[type[Exception], ...]:
    """Looked up when something was raised: half of what they name is slow to import."""
    from ops.faults import FAULTS

    return FAULTS


if __name__ == "__main__":
    main()
