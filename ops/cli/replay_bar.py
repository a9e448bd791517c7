"""Progress of a replay on screen: position, events/s, time left, a line per read model's shard."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

if TYPE_CHECKING:
    from replay.progress import Progress as Told


@contextmanager
def replay_bar() -> "Iterator[Callable[[Told], None]]":
    """Drawn where somebody looks on; elsewhere nothing is said."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[left]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def line(name: str, position: int, head: int, rate: str, left: str) -> None:
        if name not in tasks:
            tasks[name] = bar.add_task(name, total=head, rate=rate, left=left)
        bar.update(tasks[name], completed=position, total=head, rate=rate, left=left)

    def told(progress: "Told") -> None:
        rate = f"{progress.rate:,.0f}/s" if progress.rate else ""
        what = progress.waiting or time_left(progress.seconds_left)
        line("all", progress.events, progress.events_total, rate, what)
        for shard in progress.shards:
            name = f"{shard.projection} v{shard.version} in {shard.store}, shard {shard.shard}"
            left = shard.left / progress.rate if progress.rate else None
            line(name, shard.position, shard.head, "", time_left(left))

    with bar:
        yield told


def time_left(seconds: float | None) -> str:
    """Such as 1:05 left; empty when it is unknown."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} left"
