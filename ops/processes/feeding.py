"""Every version of one projection that is to be fed, each by a consumer in a thread of its own.

So the code of a kept version runs beside that of the active one, and goes back to being active in
one transaction. The catalogue is looked at every second: versions come and go while this runs.

A version that this process's code must not feed is left to others. One that fails rests for a
growing while and is tried again; only when it is the active one does the whole process end by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import Event, Thread
from time import monotonic
from typing import Final

import structlog

from eventlog.outages import OUTAGES
from projections.catalogue import FED, ReadModel

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
STOP_SECONDS_MAX: Final = 20.0
# How long a version rests after it has failed: doubled each time, until it is fed for so long.
REST_SECONDS_MIN: Final = 1.0
REST_SECONDS_MAX: Final = 60.0

Known = Callable[[], Mapping[int, ReadModel]]
Feed = Callable[[ReadModel, Event], None]
Refusal = Callable[[ReadModel], str | None]
Tell = Callable[[ReadModel, str | None], None]


class FeedingStoppedError(Exception):
    """The active version could not be fed any further, or one would not stop: the process ends."""

    def __init__(self, projection: str, version: int, cause: BaseException | None) -> None:
        super().__init__(f"{projection} v{version} is not fed any more: {cause or 'it hangs'}")
        self.projection = projection
        self.version = version


@dataclass(slots=True)
class _Fed:
    """A running consumer."""

    model: ReadModel
    began_at: float
    stop: Event = field(default_factory=Event)
    thread: Thread | None = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Resting:
    """A version that failed, or was refused: not tried before `until`, then for `seconds` more."""

    why: str
    until: float
    seconds: float


def feed_versions(
    known: Known, feed: Feed, *, stop: Event, refusal: Refusal, tell: Tell = lambda *_: None
) -> None:
    """Until `stop` is set. `feed` blocks until the event it is given is set.

    `refusal` says why this process must not feed a version, or None. `tell` hears why a version is
    refused, or why one that is not active has failed, and None when it is well again. Both may
    raise OUTAGES.
    Raises `FeedingStoppedError` as soon as the active version's consumer fails.
    """
    feeding = _Feeding(feed, refusal, tell)
    try:
        while not stop.is_set():
            try:
                feeding.follow(known())
            except OUTAGES as outage:
                log.warning("catalogue not read", reason=str(outage))
            feeding.look()
            stop.wait(LOOK_SECONDS)
    finally:
        feeding.close()


class _Feeding:
    """What is fed, and what rests. Used by one thread."""

    def __init__(self, feed: Feed, refusal: Refusal, tell: Tell) -> None:
        self._feed = feed
        self._refusal = refusal
        self._tell = tell
        self._fed: dict[int, _Fed] = {}
        self._resting: dict[int, _Resting] = {}
        self._known: dict[int, str | None] = {}

    def follow(self, models: Mapping[int, ReadModel]) -> None:
        """Begin and end what the catalogue says."""
        wanted = {version: model for version, model in models.items() if model.state in FED}
        for version in self._fed.keys() - wanted.keys():
            gone = self._fed.pop(version)
            gone.stop.set()
            _join(gone)
            log.info("version no longer fed", read_model=gone.model.name, version=version)
        for version in self._resting.keys() - wanted.keys():
            del self._resting[version]
        for version in self._known.keys() - wanted.keys():
            del self._known[version]
        for version, model in wanted.items():
            if version in self._fed:
                self._fed[version].model = model
            else:
                self._begin(model)

    def look(self) -> None:
        """Find out who has failed, and who is well again. Raises `FeedingStoppedError`."""
        for version, each in list(self._fed.items()):
            if each.error is not None:
                if each.model.state == "active":
                    raise FeedingStoppedError(each.model.name, version, each.error) from each.error
                del self._fed[version]
                self._rest(each.model, each.error)
            elif monotonic() - each.began_at > REST_SECONDS_MAX:
                if self._resting.pop(version, None) is not None:
                    log.info("version is fed again", read_model=each.model.name, version=version)
                # Of every version: the process before this one may have told of a trouble.
                self._told(each.model, None)

    def close(self) -> None:
        for each in self._fed.values():
            each.stop.set()
        for each in self._fed.values():
            _join(each)

    def _begin(self, model: ReadModel) -> None:
        resting = self._resting.get(model.version)
        if resting is not None and monotonic() < resting.until and model.state != "active":
            return
        try:
            why = self._refusal(model)
        except OUTAGES:
            raise
        except Exception as error:
            if model.state == "active":
                raise FeedingStoppedError(model.name, model.version, error) from error
            self._rest(model, error)
            return
        if why is None:
            self._fed[model.version] = _started(model, self._feed)
            return
        if resting is None or resting.why != why:
            log.error("version not fed", read_model=model.name, version=model.version, reason=why)
        self._told(model, why)
        self._resting[model.version] = _Resting(
            why, monotonic() + REST_SECONDS_MIN, REST_SECONDS_MIN
        )

    def _rest(self, model: ReadModel, error: BaseException) -> None:
        before = self._resting.get(model.version, _Resting("", 0.0, REST_SECONDS_MIN))
        seconds = before.seconds
        why = f"{type(error).__name__}: {error}"
        log.error(
            "version failed",
            read_model=model.name,
            version=model.version,
            reason=why,
            tried_again_in=seconds,
        )
        resting = replace(before, why=why, until=monotonic() + seconds)
        self._resting[model.version] = replace(resting, seconds=min(2 * seconds, REST_SECONDS_MAX))
        self._told(model, why)

    def _told(self, model: ReadModel, why: str | None) -> None:
        """Told once; what an outage kept from being told is told at the next occasion."""
        if model.version in self._known and self._known[model.version] == why:
            return
        try:
            self._tell(model, why)
        except OUTAGES as outage:
            log.warning("trouble not told", read_model=model.name, reason=str(outage))
        else:
            self._known[model.version] = why


def _started(model: ReadModel, feed: Feed) -> _Fed:
    fed = _Fed(model=model, began_at=monotonic())

    def run() -> None:
        try:
            feed(model, fed.stop)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that looks
            fed.error = error

    fed.thread = Thread(target=run, name=f"{model.name}-v{model.version}", daemon=True)
    fed.thread.start()
    return fed


def _join(fed: _Fed) -> None:
    assert fed.thread is not None
    fed.thread.join(STOP_SECONDS_MAX)
    if fed.thread.is_alive():
        raise FeedingStoppedError(fed.model.name, fed.model.version, None)
