"""Which versions of a projection are fed, as the catalogue changes under a running projector."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread

import pytest
from structlog.testing import capture_logs

from eventlog.log import LogUnavailableError
from ops.processes import feeding
from ops.processes.feeding import Feed, FeedingStoppedError, feed_versions
from projections.catalogue import ReadModel, State

SECONDS_MAX = 10.0


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(feeding, "REST_SECONDS_MAX", 0.08)
    monkeypatch.setattr(feeding, "REST_SECONDS_MIN", 0.02)


class Catalogue:
    """Versions by number, and which of them a thread feeds just now."""

    def __init__(self, **states: State) -> None:
        self.models: dict[int, ReadModel] = {}
        self.running: set[int] = set()
        self.trouble: Exception | None = None
        self.refused: dict[int, str] = {}
        self.asked = 0
        self.told: list[tuple[int, str | None]] = []
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

    def refusal(self, model: ReadModel) -> str | None:
        self.asked += 1
        return self.refused.get(model.version)

    def tell(self, model: ReadModel, why: str | None) -> None:
        self.told.append((model.version, why))


@contextmanager
def fed(catalogue: Catalogue, feed: Feed | None = None) -> Iterator[None]:
    stop = Event()
    thread = Thread(
        target=feed_versions,
        args=(catalogue.known, feed or catalogue.feed),
        kwargs={"stop": stop, "refusal": catalogue.refusal, "tell": catalogue.tell},
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


def test_a_version_that_this_code_must_not_feed_is_left_alone_and_said_once() -> None:
    catalogue = Catalogue(v1="active")
    catalogue.enter(2, "following")
    catalogue.refused[2] = "of another release"
    with capture_logs() as logs, fed(catalogue):
        until(lambda: catalogue.running == {1})
        catalogue.enter(3, "following")
        until(lambda: catalogue.running == {1, 3} and catalogue.asked > 6)
        said = [each for each in logs if each["event"] == "version not fed"]
        assert [(each["version"], each["reason"]) for each in said] == [(2, "of another release")]
        assert [each for each in catalogue.told if each[1]] == [(2, "of another release")]
        del catalogue.refused[2]
        until(lambda: catalogue.running == {1, 2, 3})


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


def failing(catalogue: Catalogue, version: int, faults: list[Exception]) -> Feed:
    def feed(model: ReadModel, stop: Event) -> None:
        if model.version == version and faults:
            raise faults.pop(0)
        catalogue.feed(model, stop)

    return feed


def test_when_the_active_version_fails_the_process_ends_and_says_which() -> None:
    catalogue = Catalogue(v1="kept", v2="active")
    feed = failing(catalogue, 2, [ValueError("a handler's fault")])
    with pytest.raises(FeedingStoppedError, match=r"orders v2 .* a handler's fault"):
        feed_versions(catalogue.known, feed, stop=Event(), refusal=catalogue.refusal)
    assert catalogue.running == set()


@pytest.mark.parametrize("state", ["following", "kept"])
def test_a_version_nobody_reads_fails_alone_and_is_tried_again(state: State) -> None:
    catalogue = Catalogue(v1="active")
    catalogue.enter(2, state)
    faults: list[Exception] = [ValueError("a fault"), ValueError("a fault"), KeyError("another")]
    with fed(catalogue, failing(catalogue, 2, faults)):
        until(lambda: catalogue.running == {1, 2})
        until(lambda: (2, None) in catalogue.told)
    told = [each for each in catalogue.told if each[0] == 2]
    assert told == [(2, "ValueError: a fault"), (2, "KeyError: 'another'"), (2, None)]


def test_a_version_that_cannot_be_judged_rests_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue(v1="active", v2="following")
    faults: list[Exception] = [OSError("no source")]

    def refusal(model: ReadModel) -> None:
        if model.version == 2 and faults:
            raise faults.pop()

    monkeypatch.setattr(catalogue, "refusal", refusal)
    with fed(catalogue):
        until(lambda: catalogue.running == {1, 2})
    assert (2, "OSError: no source") in catalogue.told


def test_a_version_that_is_well_takes_back_what_was_told_by_a_process_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Until it has been heard: the first time the store is away."""
    catalogue = Catalogue(v1="active")
    outages: list[Exception] = [LogUnavailableError("away")]

    def tell(model: ReadModel, why: str | None) -> None:
        if outages:
            raise outages.pop()
        catalogue.told.append((model.version, why))

    monkeypatch.setattr(catalogue, "tell", tell)
    with fed(catalogue):
        until(lambda: bool(catalogue.told))
        time.sleep(0.1)
    assert catalogue.told == [(1, None)]


def test_one_that_fails_on_and_on_is_tried_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeding, "REST_SECONDS_MAX", 10.0)
    catalogue = Catalogue(v1="active", v2="following")
    faults: list[Exception] = [ValueError("a fault") for _ in range(100)]
    with fed(catalogue, failing(catalogue, 2, faults)):
        time.sleep(0.5)
    assert 100 - len(faults) <= 6


def test_a_version_that_fails_after_it_was_promoted_ends_the_process() -> None:
    catalogue = Catalogue(v1="active", v2="following")
    fault = Event()

    def feed(model: ReadModel, stop: Event) -> None:
        if model.version == 2:
            fault.wait(SECONDS_MAX)
            raise ValueError("a fault")
        catalogue.feed(model, stop)

    def promote() -> None:
        time.sleep(0.1)
        catalogue.enter(1, "kept")
        catalogue.enter(2, "active")
        time.sleep(0.1)
        fault.set()

    Thread(target=promote).start()
    with pytest.raises(FeedingStoppedError, match="orders v2"):
        feed_versions(catalogue.known, feed, stop=Event(), refusal=catalogue.refusal)
