"""`backstock up|down|status|backup|restore`: the embedded stack from the command line."""

import json
import signal
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ops.settings import Settings
from ops.stack.directory import DataDirectory
from ops.stack.state import StackState

if TYPE_CHECKING:
    from ops.stack.backup import BackupReport

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Data directory (default: BACKSTOCK_DATA, or .backstock)."),
]
LINE_WIDTH = 240
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON object on stdout.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    for command in (up, down, status, backup, restore):
        app.command()(command)


def up(
    *,
    data: Data = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when everything is ready.")
    ] = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="Fill an empty ledger with a made-up business.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start the embedded stack: PostgreSQL, Kafka, Redis, ClickHouse and Backstock's own roles.

    Nothing needs to be installed, and nothing listens beyond this machine. Ctrl-C stops it; the
    next start finds the same data. The first start on a machine fetches Kafka (45 MB).

    For example:

        backstock up

        backstock up --detach --data /srv/stock --json

        BACKSTOCK_POSTGRES_DSN=postgresql://… backstock up   (with a PostgreSQL of your own)
    """
    from ops.stack.detached import start_detached

    directory = directory_of(data)
    if detach:
        console = Console(stderr=True)
        state, seconds = start_detached(directory, console)
        if sample:
            _fill(state)
        show_ready(state, directory, seconds, as_json=as_json)
        _warn_not_fed(state, directory)
    else:
        _run(directory, sample=sample, as_json=as_json)


def _fill(state: StackState) -> None:
    from ops.importers.sample import fill_if_empty

    sent = fill_if_empty(state.facts["api"], state.facts["api_key"])
    if sent:
        Console(stderr=True).print(f"sample data: {sent:,} commands", highlight=False)


def _warn_not_fed(state: StackState, directory: DataDirectory) -> None:
    """A projector that must not feed what is read is there all the same, and answers grow old."""
    from ops.roles import details

    _say_not_fed(details(state.addresses, directory).values())


def _say_not_fed(known: Iterable[Mapping[str, Any]]) -> None:
    console = Console(stderr=True)
    for each in known:
        if "not_fed" in each:
            console.print(each["not_fed"], markup=False, highlight=False, soft_wrap=True)


def _run(directory: DataDirectory, *, sample: bool, as_json: bool) -> None:
    from ops.roles import composition
    from ops.stack.progress import LiveAnnouncer, PlainAnnouncer
    from ops.stack.supervisor import Supervisor

    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    whole = composition(Settings(data=directory.root))
    console = Console(stderr=True)

    def on_ready(state: StackState) -> None:
        show_ready(state, directory, as_json=as_json)
        # Beside the supervisor, which has parts to watch meanwhile.
        threading.Thread(target=_warn_not_fed, args=(state, directory), daemon=True).start()
        if sample:
            threading.Thread(target=_fill, args=(state,), daemon=True).start()

    if not console.is_terminal:
        Supervisor(directory, whole, PlainAnnouncer(console), stopping).run(on_ready)
        return
    with LiveAnnouncer(console) as live:

        def on_ready_live(state: StackState) -> None:
            live.settle()
            on_ready(state)

        Supervisor(directory, whole, live, stopping).run(on_ready_live)


def down(*, data: Data = None, as_json: AsJson = False) -> None:
    """Stop the stack that runs on a data directory, cleanly; its data stays.

    For example:

        backstock down --data /srv/stock
    """
    from ops.stack.detached import stop_detached

    directory = directory_of(data)
    was_running = stop_detached(directory)
    if as_json:
        _print_json({"data": str(directory.root), "was_running": was_running})
    else:
        what = "stopped" if was_running else "nothing was running"
        Console(stderr=True).print(f"{directory.root}: {what}", markup=False, highlight=False)


def status(*, data: Data = None, as_json: AsJson = False) -> None:
    """Show each part and role of a stack: its process, state, address, position and lag.

    Exits with 1 when no stack runs on the data directory.

    For example:

        backstock status --json
    """
    from ops.roles import details
    from ops.stack.report import stack_report

    directory = directory_of(data)
    report = stack_report(directory, details)
    if as_json:
        _print_json(report)
    else:
        _print_report(report)
    if not report["running"]:
        raise typer.Exit(1)


def backup(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="FILE.tar.zst or FILE.tar.gz")],
    *,
    data: Data = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop a running stack first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a stopped data directory to one archive: all stores as they were at one instant.

    The archive holds every secret of the stack but `personal/`, and is readable by you only. It is
    read back and compared with what was written before it gets its name.

    Keep `personal/` apart: without it no name and address opens after a restore; with it, those
    who were forgotten since stay forgotten. Put it into the restored directory before you start.

    For example:

        backstock backup stock-2026-11-21.tar.zst --stop

        backstock restore stock-2026-11-21.tar.zst --data /srv/stock-again
    """
    from ops.stack.backup import back_up
    from ops.stack.detached import stop_detached

    directory = directory_of(data)
    if stop and stop_detached(directory):
        Console(stderr=True).print("stopped the stack; `backstock up` starts it again")
    report = back_up(directory, archive)
    _show_copy(report, "wrote", as_json=as_json)


def restore(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` has written.")],
    *,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Unpack a backup into an empty data directory, checking every file.

    Refused when PostgreSQL comes from the backup and another part is given by address, since that
    one may be newer.

    For example:

        backstock restore stock-2026-11-21.tar.zst --data /srv/stock
    """
    from ops.stack.backup import restore as unpack

    elsewhere = Settings().external_addresses()
    report = unpack(archive, directory_of(data), elsewhere=elsewhere)
    _show_copy(report, "restored", as_json=as_json)


def directory_of(data: Path | None) -> DataDirectory:
    """Return the data directory that a command works on."""
    return DataDirectory(root=data or Settings().data)


def show_ready(
    state: StackState, directory: DataDirectory, seconds: float | None = None, *, as_json: bool
) -> None:
    """Say where everything is; as JSON with passwords, for people without."""
    took = seconds if seconds is not None else state.started_in_seconds
    if as_json:
        found = {**state.facts, **state.addresses, "data": str(directory.root)}
        _print_json(found | {"started_in_seconds": took})
        return
    from ops.stack.report import without_password

    table = Table.grid(padding=(0, 2))
    for name, value in {**state.facts, **state.addresses}.items():
        table.add_row(name, without_password(str(value)))
    console = Console()
    console.print(f"Ready in {took:.1f} s. Data, logs and secrets: {directory.root}")
    console.print(table, markup=False, highlight=False)
    if "api" in state.facts:
        api = state.facts["api"]
        text = f"Look at {api}/console (log in with the api_key) and at {api}/docs"
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _print_report(report: dict[str, Any]) -> None:
    # Where nobody looks but a program, a line may be as long as it likes.
    console = Console(width=None if sys.stdout.isatty() else LINE_WIDTH)
    console.print(f"{report['data']}: {report['phase']}", markup=False, highlight=False)
    columns = ("name", "state", "pid", "restarts", "position", "lag", "MB", "address")
    table = Table(*columns, box=None, header_style="bold")
    for unit in report["parts"]:
        megabytes = {"MB": f"{(unit['memory_bytes'] or 0) / 1e6:,.0f}"}
        row = {name: "" if value is None else value for name, value in unit.items()} | megabytes
        table.add_row(*(str(row.get(column, "")) for column in columns))
    console.print(table)
    _say_not_fed(report["parts"])


def _show_copy(report: "BackupReport", verb: str, *, as_json: bool) -> None:
    if as_json:
        _print_json(
            {
                "archive": str(report.archive),
                "files": report.files,
                "data_bytes": report.data_bytes,
                "archive_bytes": report.archive_bytes,
                "seconds": report.seconds,
            }
        )
        return
    size = f"{report.data_bytes / 1e6:,.0f} MB in {report.archive_bytes / 1e6:,.0f} MB"
    text = f"{verb} {report.files:,} files, {size}, all verified, in {report.seconds:.1f} s"
    Console(stderr=True).print(text, markup=False, highlight=False)


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
