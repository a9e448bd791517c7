"""Every version of one projection that is to be fed, each by a consumer in a thread of its own.

So the code of a kept version runs beside that of the active one, and goes back to being active in
one transaction. The catalogue is looked at every second: versions come and go while this runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Final

import structlog

from eventlog.outages import OUTAGES
from projections.catalogue import FED, ReadModel
from projections.editions import EDITIONS

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
STOP_SECONDS_MAX: Final = 20.0

Known = Callable[[], Mapping[int, ReadModel]]
Feed = Callable[[ReadModel, Event], None]


class FeedingStoppedError(Exception):
    """A version could not be fed any further, or would not stop; the process must end."""

    def __init__(self, projection: str, version: int, cause: BaseException | None) -> None:
        super().__init__(f"{projection} v{version} is not fed any more: {cause or 'it hangs'}")
        self.projection = projection
        self.version = version


@dataclass(slots=True)
class _Fed:
    """A running consumer."""

    model: ReadModel
    stop: Event = field(default_factory=Event)
    thread: Thread | None = None
    error: BaseException | None = None


def feed_versions(known: Known, feed: Feed, *, stop: Event) -> None:
    """Until `stop` is set. `feed` blocks until the event it is given is set.

    Raises `FeedingStoppedError` as soon as one of them ends by itself.
    """
    fed: dict[int, _Fed] = {}
    try:
        while not stop.is_set():
            try:
                models = known()
            except OUTAGES as outage:
                log.warning("catalogue not read", reason=str(outage))
            else:
                _follow(fed, models, feed)
            for each in fed.values():
                if each.error is not None:
                    model = each.model
                    raise FeedingStoppedError(model.name, model.version, each.error) from each.error
            stop.wait(LOOK_SECONDS)
    finally:
        for each in fed.values():
            each.stop.set()
        for each in fed.values():
            _join(each)


def _follow(fed: dict[int, _Fed], models: Mapping[int, ReadModel], feed: Feed) -> None:
    wanted = {version: model for version, model in models.items() if model.state in FED}
    for version in fed.keys() - wanted.keys():
        gone = fed.pop(version)
        gone.stop.set()
        _join(gone)
        log.info("version no longer fed", read_model=gone.model.name, version=version)
    for version in wanted.keys() - fed.keys():
        model = wanted[version]
        if model.edition not in EDITIONS:
            log.error("edition not in this release", read_model=model.name, edition=model.edition)
            continue
        fed[version] = _started(model, feed)


def _started(model: ReadModel, feed: Feed) -> _Fed:
    fed = _Fed(model=model)

    def run() -> None:
        try:
            feed(model, fed.stop)
        except BaseException as error:  # noqa: BLE001 - handed to the process, which ends by it
            fed.error = error

    fed.thread = Thread(target=run, name=f"{model.name}-v{model.version}", daemon=True)
    fed.thread.start()
    return fed


def _join(fed: _Fed) -> None:
    assert fed.thread is not None
    fed.thread.join(STOP_SECONDS_MAX)
    if fed.thread.is_alive():
        raise FeedingStoppedError(fed.model.name, fed.model.version, None)
