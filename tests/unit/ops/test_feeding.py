"""Which versions of a projection are fed, as the catalogue changes under a running projector."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from eventlog.log import LogUnavailableError
from ops.processes import feeding
from ops.processes.feeding import FeedingStoppedError, feed_versions
from projections.catalogue import ReadModel, State

SECONDS_MAX = 10.0


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "LOOK_SECONDS", 0.01)


class Catalogue:
    """Versions by number, and which of them a thread feeds just now."""

    def __init__(self, **states: State) -> None:
        self.models: dict[int, ReadModel] = {}
        self.running: set[int] = set()
        self.trouble: Exception | None = None
        for name, state in states.items():
            self.enter(int(name.removeprefix("v")), state)

    def enter(self, version: int, state: State, edition: str = "1") -> None:
        self.models[version] = ReadModel(
            name="orders",
            version=version,
            store="postgres",
            places={},
            state=state,
            edition=edition,
        )

    def known(self) -> Mapping[int, ReadModel]:
        if self.trouble is not None:
            raise self.trouble
        return dict(self.models)

    def feed(self, model: ReadModel, stop: Event) -> None:
        self.running.add(model.version)
        stop.wait(SECONDS_MAX)
        self.running.discard(model.version)


@contextmanager
def fed(catalogue: Catalogue) -> Iterator[None]:
    stop = Event()
    thread = Thread(
        target=feed_versions, args=(catalogue.known, catalogue.feed), kwargs={"stop": stop}
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(SECONDS_MAX)
        assert not thread.is_alive()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)


def test_what_follows_answers_or_is_kept_is_fed_and_nothing_else() -> None:
    catalogue = Catalogue(v1="retired", v2="kept", v3="active", v4="following", v5="building")
    with fed(catalogue):
        until(lambda: catalogue.running == {2, 3, 4})
        catalogue.enter(5, "following")
        catalogue.enter(2, "retired")
        until(lambda: catalogue.running == {3, 4, 5})
    assert catalogue.running == set()


def test_a_version_of_another_release_is_left_to_its_workers() -> None:
    catalogue = Catalogue(v1="active")
    catalogue.enter(2, "following", edition="of another release")
    with fed(catalogue):
        until(lambda: catalogue.running == {1})
        catalogue.enter(3, "following")
        until(lambda: catalogue.running == {1, 3})


def test_an_outage_of_the_catalogue_leaves_the_versions_running() -> None:
    catalogue = Catalogue(v1="active")
    with fed(catalogue):
        until(lambda: catalogue.running == {1})
        catalogue.trouble = LogUnavailableError("away")
        time.sleep(0.05)
        assert catalogue.running == {1}
        catalogue.trouble = None
        catalogue.enter(2, "following")
        until(lambda: catalogue.running == {1, 2})


def test_when_one_version_fails_the_process_ends_and_says_which() -> None:
    catalogue = Catalogue(v1="active", v2="kept")

    def feed(model: ReadModel, stop: Event) -> None:
        if model.version == 2:
            raise ValueError("a handler's fault")
        catalogue.feed(model, stop)

    with pytest.raises(FeedingStoppedError, match=r"orders v2 .* a handler's fault"):
        feed_versions(catalogue.known, feed, stop=Event())
    assert catalogue.running == set()
