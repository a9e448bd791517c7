"""Processes that fold ranges, in any order; what they found comes back in the order asked for.

Started afresh (spawn), so that no connection or lock is inherited. A worker whose parent has died
ends by itself. When one dies, by the kernel's hand for one, all are started anew a few times, and
what they had not answered is folded again.
"""

from __future__ import annotations

import gc
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from multiprocessing import get_context
from threading import Event, Thread
from types import TracebackType
from typing import Final, Self

import structlog

from eventlog.log import LogGapError, LogUnavailableError
from eventlog.projection import StoreUnavailableError
from projections.feedable import fingerprints_here
from projections.fingerprints import changed
from replay.bulk.folds import fold
from replay.bulk.ranges import Folded, Pages, Range, Refused, Source

log = structlog.get_logger(__name__)

# So many ranges for each process are asked for before the first one is taken.
AHEAD: Final = 2
PARENT_LOOK_SECONDS: Final = 1.0
STARTED_ANEW_MAX: Final = 3
OTHER_CODE: Final = (
    "the code on the disk is no longer the one that runs (it folds {} otherwise): run it again with"
    " one release"
)


class FoldFailedError(Exception):
    """A fold raised what it must not raise: a fault in its code."""

    def __init__(self, of: Range, why: str) -> None:
        super().__init__(
            f"folding positions {of.after + 1} to {of.last} of shard {of.shard} for"
            f" {of.projection} v{of.version} failed: {why}"
        )
        self.of = of
        self.why = why


class WorkersDiedError(Exception):
    """Processes that fold die again and again, for a reason of their surroundings."""

    def __init__(self, died: int) -> None:
        super().__init__(
            f"processes that fold have died {died} times, most likely killed for lack of memory:"
            " leave more of it free, or run again with fewer of them (`--cores 1`; with `--cores 0`"
            " there is none)"
        )
        self.died = died


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trouble:
    """What a worker met; exceptions with fields do not travel."""

    of: Range
    why: str
    outage: bool


_Answer = Folded | Refused | _Trouble


class Workers(AbstractContextManager["Workers"]):
    """`count` processes; the caller's own folds until they have started. Used by one thread."""

    def __init__(self, source: Source, count: int) -> None:
        self._source = source
        self._count = count
        self._executor: ProcessPoolExecutor | None = None
        self._started: list[Future[None]] = []
        self._pages: Pages | None = None
        self._died = 0

    def __enter__(self) -> Self:
        self._start()
        self._pages = self._source.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
        if self._pages is not None:
            self._pages.close()

    def fold(self, ranges: Iterable[Range]) -> Iterator[Folded | Refused]:
        """In the order of `ranges`, which is asked for the next one as late as possible.

        Raises `LogUnavailableError`, `FoldFailedError`, `WorkersDiedError`.
        """
        wanted, asked = iter(ranges), deque[Range]()
        while True:
            try:
                yield from self._answers(wanted, asked)
            except BrokenProcessPool as broken:
                self._start_anew(broken)
            else:
                return

    def _answers(self, wanted: Iterator[Range], asked: deque[Range]) -> Iterator[Folded | Refused]:
        """`asked`: those taken from `wanted` and not answered yet, in order."""
        assert self._pages is not None
        while not self._is_started():
            if not asked:
                asked.extend(islice(wanted, 1))
            if not asked:
                return
            answer = _answer(self._pages, asked[0])
            asked.popleft()
            yield _checked(answer)
        assert self._executor is not None
        waiting: deque[Future[_Answer]] = deque()
        try:
            waiting.extend(self._executor.submit(_fold, each, _code(each)) for each in asked)
            for each in wanted:
                asked.append(each)
                waiting.append(self._executor.submit(_fold, each, _code(each)))
                if len(waiting) >= AHEAD * self._count:
                    yield _taken(waiting, asked)
            while waiting:
                yield _taken(waiting, asked)
        finally:
            for future in waiting:
                future.cancel()

    def _start(self) -> None:
        if self._count:
            self._executor = ProcessPoolExecutor(
                self._count,
                mp_context=get_context("spawn"),
                initializer=_begin,
                initargs=(self._source, os.getpid()),
            )
            self._started = [self._executor.submit(_nothing) for _ in range(self._count)]

    def _start_anew(self, broken: BrokenProcessPool) -> None:
        self._died += 1
        if self._died > STARTED_ANEW_MAX:
            raise WorkersDiedError(self._died) from broken
        log.warning("processes that fold are started anew", died=self._died, reason=str(broken))
        assert self._executor is not None
        self._executor.shutdown(cancel_futures=True)
        self._start()

    def _is_started(self) -> bool:
        return self._executor is not None and all(each.done() for each in self._started)


def _taken(waiting: deque[Future[_Answer]], asked: deque[Range]) -> Folded | Refused:
    answer = waiting[0].result()
    waiting.popleft()
    asked.popleft()
    return _checked(answer)


def _checked(answer: _Answer) -> Folded | Refused:
    if not isinstance(answer, _Trouble):
        return answer
    if answer.outage:
        raise LogUnavailableError(answer.why)
    raise FoldFailedError(answer.of, answer.why)


def _answer(pages: Pages, wanted: Range) -> _Answer:
    try:
        return fold(pages, wanted)
    except (LogUnavailableError, StoreUnavailableError) as error:
        return _Trouble(of=wanted, why=str(error), outage=True)
    except LogGapError as error:
        return _Trouble(of=wanted, why=str(error), outage=False)
    except Exception as error:  # noqa: BLE001 - told to the parent, which raises
        return _Trouble(of=wanted, why=f"{type(error).__name__}: {error}", outage=False)


_source_of_process: list[Source] = []


def _begin(source: Source, parent: int) -> None:
    Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()
    _source_of_process.append(source)
    # A range is hundreds of thousands of values that die together: looking for cycles among them
    # time and again took more than half of the work.
    gc.freeze()
    gc.disable()


@cache
def _pages_of_process() -> Pages:
    return _source_of_process[0].open()


def _end_with(parent: int) -> None:
    never = Event()
    while os.getppid() == parent:
        never.wait(PARENT_LOOK_SECONDS)
    os._exit(1)


def _nothing() -> None:
    """Done as soon as a process is there to do it."""


def _code(of: Range) -> Mapping[str, str]:
    """The fingerprints of what folds it in this process, as they were when first asked for."""
    return fingerprints_here(of.projection, of.edition)


def _fold(wanted: Range, code: Mapping[str, str]) -> _Answer:
    """`code`: the parent's; this process has imported what lay on the disk at its start."""
    try:
        if types := changed(code, _code(wanted)):
            return _Trouble(
                of=wanted, why=OTHER_CODE.format(", ".join(sorted(types))), outage=False
            )
        pages = _pages_of_process()
    except (LogUnavailableError, StoreUnavailableError) as error:
        return _Trouble(of=wanted, why=str(error), outage=True)
    except Exception as error:  # noqa: BLE001 - one that does not unpickle would end the pool
        return _Trouble(of=wanted, why=f"{type(error).__name__}: {error}", outage=False)
    gc.collect()
    return _answer(pages, wanted)
