"""What a plan says, and how far replays are, as people read it."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from ops.cli.replay_bar import time_left

SHARDS_SHOWN = 16


def print_plan(plan: Mapping[str, Any]) -> None:
    """What is touched, what it takes, and what carries it out when that is not `replay run`."""
    console = Console()
    touched = plan["touched"]
    about = "about " if touched["estimated"] else ""
    console.print(f"{plan['strategy']}: {plan['why']}", highlight=False, soft_wrap=True)
    console.print(
        f"touched: {about}{touched['events']:,} events of {touched['streams']:,} keys in"
        f" {len(touched['shards'])} shards",
        highlight=False,
    )
    if plan["left_out"]:
        console.print(f"as before, so left out: {', '.join(plan['left_out'])}", highlight=False)
    columns = ("read model", "changed types", "rows touched", "events", "seconds", "MB")
    table = Table(*columns, box=None, header_style="bold")
    for each in plan["targets"]:
        forecast = plan["forecast"][each["projection"]]
        types = each["changed_types"]
        table.add_row(
            each["projection"],
            "unknown: all" if types is None else ", ".join(types) or "none",
            f"{about}{touched['rows'][each['projection']]:,}",
            f"{forecast['events']:,}",
            f"{forecast['seconds']:,.1f}",
            f"{forecast['bytes'] / 1e6:,.1f}",
        )
    console.print(table)
    for command in plan["commands"] if plan["strategy"] != "full" else ():
        console.print(f"next: {command}", markup=False, highlight=False, soft_wrap=True)


def print_replay(found: Mapping[str, Any]) -> None:
    """Its versions, how far each is in its store, and the shards that are not at their end."""
    console = Console()
    console.print(f"replay {found['replay_id']}: {found['state']}", highlight=False)
    table = Table("read model", "from", "to", "edition", box=None, header_style="bold")
    for each in found["targets"]:
        versions = (f"v{each['from_version']}", f"v{each['to_version']}")
        table.add_row(each["projection"], *versions, each["edition"])
    console.print(table)
    if found["progress"]:
        _print_progress(console, found["progress"])
    if found["error"]:
        console.print(f"error: {found['error']}", style="red", markup=False, soft_wrap=True)


def _print_progress(console: Console, progress: Mapping[str, Any]) -> None:
    rate = progress["events_per_second"]
    parts = [f"built: {progress['events']:,} of {progress['events_total']:,} events"]
    parts += [] if rate is None else [f"{rate:,.0f}/s"]
    parts += [] if not progress["seconds_left"] else [time_left(progress["seconds_left"])]
    parts += [progress["waiting"]] if progress["waiting"] else []
    console.print(", ".join(parts), markup=False, highlight=False, soft_wrap=True)
    table = Table("built", "store", "shards", "events", "of", box=None, header_style="bold")
    names = dict.fromkeys((each["projection"], each["store"]) for each in progress["shards"])
    for name, store in names:
        shards = [each for each in progress["shards"] if each["projection"] == name]
        done = sum(each["position"] >= each["head"] for each in shards)
        events, total = (sum(each[what] for each in shards) for what in ("position", "head"))
        table.add_row(name, store, f"{done} of {len(shards)}", f"{events:,}", f"{total:,}")
    console.print(table)
    behind = [each for each in progress["shards"] if each["position"] < each["head"]]
    for each in behind[:SHARDS_SHOWN]:
        where = f"{each['projection']} in {each['store']}, shard {each['shard']}"
        at = f"{each['position']:,} of {each['head']:,}"
        left = each["seconds_left"]
        after = "" if left is None else f", {time_left(left)}"
        console.print(f"  {where}: {at}{after}", markup=False, highlight=False)
    if len(behind) > SHARDS_SHOWN:
        more = len(behind) - SHARDS_SHOWN
        console.print(f"  and {more} more shards: see --json", highlight=False)


def print_list(found: Sequence[Mapping[str, Any]]) -> None:
    """A line for each replay, the latest first."""
    console = Console()
    for each in found:
        progress = each["progress"]
        parts = [each["replay_id"], f"{each['state']:<11}", each["created_at"].partition(".")[0]]
        parts += [f"{one['projection']} v{one['to_version']}" for one in each["targets"]]
        if progress:
            parts.append(f"{progress['events']:,} of {progress['events_total']:,} events")
        console.print("  ".join(parts), markup=False, highlight=False, soft_wrap=True)
    if not found:
        console.print("No replay was planned.")
