"""`backstock verify`: whether log and read models say the same, and nothing was altered."""

import time
from collections.abc import Mapping
from random import Random
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ops.cli.output import print_json
from ops.cli.progress import progress
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings

if TYPE_CHECKING:
    from replay.reconcile.report import KafkaReport
    from replay.verify.report import Report

STREAMS = 50
MEANING = {
    "order": "one order: positions without a hole, time that never runs back",
    "once": "each command key has one effect and one answer",
    "no_oversell": "nothing promised or taken that was not there",
    "conservation": "what came in, less what went out, is what is there",
    "applied": "every fed version applied each event it handles, and once",
    "folds": "every read model equals the log at its own position",
    "chain": "no event was changed, dropped or inserted",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    *,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Every fed version, by the events' ids; and all of Kafka."),
    ] = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="Random cells instead of everything, where they stand.")
    ] = False,
    every: Annotated[
        float | None,
        typer.Option(help="With --sample: again after so many seconds, until stopped.", min=0.1),
    ] = None,
    streams: Annotated[
        int, typer.Option(help="With --sample: random events a round begins with.", min=1, max=2000)
    ] = STREAMS,
    metrics_port: Annotated[
        int | None,
        typer.Option(help="With --sample: Prometheus may scrape this port of 127.0.0.1.", min=1),
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Check the laws on the whole log and on every read model, in all stores.

    Folds the log independently of the code that wrote it, and compares each read model where it
    stands itself, so the stack may be at work meanwhile. Reads only. Exits with 1 when a law is
    broken, and names the first event, cell or row that shows it.

    For example:

        backstock verify

        backstock verify --data /srv/stock --json

        backstock verify --deep

        backstock verify --sample --every 10 --metrics-port 9109
    """
    if deep and sample:
        raise typer.BadParameter("choose one of --deep and --sample")
    if not sample and (every is not None or metrics_port is not None):
        raise typer.BadParameter("--every and --metrics-port belong to --sample")
    settings = Settings(data=directory_of(data).root)
    if sample:
        ok = _sample(settings, every, streams, metrics_port, as_json=as_json)
    else:
        ok = _verify(settings, deep=deep, as_json=as_json)
    if not ok:
        raise typer.Exit(1)


def _verify(settings: Settings, *, deep: bool, as_json: bool) -> bool:
    from ops.reconciliation import compare_kafka
    from ops.verification import run_verification

    started = time.monotonic()
    with progress("events") as told:
        report = run_verification(settings, told, deep=deep)
    kafka = None
    if deep:
        try:
            with progress("records") as told:
                kafka = compare_kafka(settings, told)
        except Exception:
            # What the laws found is not lost with it.
            _show(report, None, time.monotonic() - started, ok=False, as_json=as_json)
            raise
    ok = report.ok and (kafka is None or kafka.ok)
    _show(report, kafka, time.monotonic() - started, ok=ok, as_json=as_json)
    return ok


def _show(
    report: "Report", kafka: "KafkaReport | None", seconds: float, *, ok: bool, as_json: bool
) -> None:
    from ops.cli.reconciling import print_report

    if as_json:
        more = {} if kafka is None else {"kafka": kafka.as_dict()}
        print_json({**report.as_dict(), **more, "ok": ok, "seconds": round(seconds, 3)})
    else:
        _print(report, seconds)
        if kafka is not None:
            print_report(Console(), kafka)


def _sample(
    settings: Settings, every: float | None, streams: int, port: int | None, *, as_json: bool
) -> bool:
    from ops.processes.lifecycle import stop_event
    from ops.sampling import Sampling
    from ops.sampling_metrics import served

    tell = print_json if as_json else _print_round
    stop = Event() if every is None else stop_event()
    with served(port) as metrics:
        sampling = Sampling(settings=settings, every=every, streams=streams, metrics=metrics)
        return sampling.run(stop=stop, tell=tell, dice=Random())  # noqa: S311 - picks, not keys


def _print_round(line: Mapping[str, Any]) -> None:
    console = Console()
    if "error" in line:
        console.print(f"{line['at']}  not answered: {line['error']}", style="red", markup=False)
        return
    percent = line["explained_percent"]
    share = "nothing to compare" if percent is None else f"{percent:g} % explained"
    models = ", ".join(
        f"{each['projection']} v{each['version']} {each['explained']}/{each['checked']}"
        for each in line["read_models"]
    )
    console.print(
        f"{line['at']}  {share}  ({models})",
        style="green" if line["ok"] else "red",
        highlight=False,
        soft_wrap=True,
    )
    for each in line["differences"]:
        text = f"  {each['where']}: expected {each['expected']}, found {each['found']}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _print(report: "Report", seconds: float) -> None:
    console = Console()
    table = Table("", "law", "checked", "", box=None, header_style="bold")
    for law, result in report.laws.items():
        mark = "[green]holds[/]" if result.ok else "[red]BROKEN[/]"
        table.add_row(mark, law, f"{result.checked:,}", MEANING[law])
    console.print(table)
    rate = report.events / seconds if seconds else 0
    console.print(f"{report.events:,} events in {seconds:.1f} s ({rate:,.0f}/s)", highlight=False)
    for note in report.notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    first = report.first_difference
    if first is None:
        console.print("Verified: the log and every read model say the same.", style="green")
        return
    console.print(f"First difference, by the law {first.law}:", style="red")
    for name, text in (
        ("where", first.where),
        ("expected", first.expected),
        ("found", first.found),
    ):
        console.print(f"  {name:9} {text}", markup=False, highlight=False, soft_wrap=True)
