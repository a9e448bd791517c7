"""Replay over HTTP: who may, what is refused at once, and every step by a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx2
import pytest
from pydantic import SecretStr

from api.app import create_app
from api.assembly import Addresses, assemble
from api.deps import ApiSettings
from eventlog.heads import HeadKey
from ops.access import add_key, add_operator_key
from ops.replay_mounting import replays_in
from ops.replay_operations import ReplayOperations
from ops.settings import Settings
from ops.stores import Stores
from projections.catalogue import STORES
from replay import records
from replay.route_bodies import (
    STEP_BODIES,
    DiffAnswer,
    PlanAnswer,
    ReceiptAnswer,
    ReplayAnswer,
    ReplayList,
    StepAnswer,
)
from replay.routes import PREFIX
from replay.steps import owner_of
from tests.api_world import SECRET, Places, served_app
from tests.cutover_side import answering, ready
from tests.happenings import year
from tests.parts import Database
from tests.projection_side import TENANT
from tests.replay_side import World, world

EVENTS = 240
RULE = "type=stock.returned.v1 to=damaged"
NAMES = ("stock_levels", "availability", "movements")
WRONG = {"projections": list(NAMES), "edition": "returns_twice", "planted": True}
STEP_SECONDS_MAX = 60.0
Found = TypeVar("Found")
SOMEBODY = UUID("0190a000-0000-7000-8000-000000000000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An API. `http` shows an operator's key."""

    database: Database
    http: httpx2.Client
    url: str

    def plan(self, *projections: str) -> UUID:
        names = projections or ("stock_levels",)
        answer = self.http.post(PREFIX, json={**WRONG, "projections": names})
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["replay_id"])

    def shown(self, replay_id: UUID) -> dict[str, Any]:
        answer = self.http.get(f"{PREFIX}/{replay_id}")
        assert answer.status_code == 200, answer.text
        ReplayAnswer.model_validate(answer.json(), strict=False)
        return dict(answer.json())

    def post(self, replay_id: UUID, step: str, **body: object) -> httpx2.Response:
        return self.http.post(f"{PREFIX}/{replay_id}/{step}", json=body)

    def take(self, replay_id: UUID, step: str, **body: object) -> dict[str, Any]:
        """Post a step and watch the replay until nobody works on it."""
        answer = self.post(replay_id, step, **body)
        assert answer.status_code == 202, answer.text
        assert StepAnswer.model_validate(answer.json()).step == step
        assert answer.headers["Location"] == f"{PREFIX}/{replay_id}"
        assert int(answer.headers["Retry-After"]) > 0
        return self.ended(replay_id)

    def ended(self, replay_id: UUID) -> dict[str, Any]:
        return until(lambda: self.shown(replay_id), lambda found: found["step"] is None)


def until(look: Callable[[], Found], is_done: Callable[[Found], bool]) -> Found:
    deadline = time.monotonic() + STEP_SECONDS_MAX
    while not is_done(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


@contextmanager
def api_of(stores: Stores, database: Database) -> Iterator[Place]:
    """An API process (in a thread of this one) with the operations of replay."""
    deps = assemble(
        Addresses(
            log_dsn=database.log,
            read_dsn=database.read,
            redis_url=stores.redis_url,
            clickhouse_url=stores.clickhouse_url,
        ),
        ApiSettings(signing_secret=SECRET, personal_secret=SECRET),
        clock=lambda: datetime.now(UTC),
    )
    app = create_app(deps)
    key = add_operator_key(database.log, name="test").api_key
    with (
        replays_in(app, deps.keys, stores),
        served_app(app) as url,
        httpx2.Client(
            base_url=url, headers={"X-API-Key": key}, trust_env=False, timeout=60
        ) as http,
    ):
        yield Place(database=database, http=http, url=url)


@pytest.fixture
def stores(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    tmp_path: Path,
) -> Iterator[World]:
    with world(postgres_database, redis_url, redis_prefix, clickhouse_url, tmp_path) as found:
        found.log.append_dated(found.log.ledger("main"), year(21, EVENTS))
        for name in STORES:
            found.feed(name, 1)
        HeadKey.in_directory(found.around.stores.keys_directory)
        yield found


@pytest.fixture
def place(stores: World, postgres_database: Database) -> Iterator[Place]:
    with api_of(stores.around.stores, postgres_database) as place:
        yield place


@pytest.fixture(scope="module")
def api(places: Places, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """An operator's client of an API that never comes to start anything."""
    settings = Settings(
        data=tmp_path_factory.mktemp("data"),
        postgres_dsn=SecretStr(places.database.admin),
        postgres_log_dsn=SecretStr(places.database.log),
        redis_url=SecretStr(places.redis_url),
        clickhouse_url=SecretStr(places.clickhouse_url),
    )
    with api_of(Stores.of(settings), places.database) as place:
        yield place.http


def told(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    return dict(answer.json())


def test_every_step_to_the_promotion_and_back_over_http(
    stores: World, postgres_database: Database
) -> None:
    with api_of(stores.around.stores, postgres_database) as place:
        replay_id = place.plan(*NAMES)
        assert place.shown(replay_id)["next"] == ["run", "cancel"]
        assert place.post(replay_id, "run", cores=1).status_code == 202
        again = place.post(replay_id, "run", cores=1)
        assert (again.status_code, again.json()["step"]) == (202, "run")
        refused = told(place.post(replay_id, "run", cores=0), 409, "replay_busy")
        assert refused["step"] == "run"
        assert place.shown(replay_id)["step"]["name"] == "run"
    # The API is gone; what it has begun goes on.
    until(
        lambda: stores.replay(replay_id),
        lambda found: found.state == "following" and found.owner is None,
    )
    with api_of(stores.around.stores, postgres_database) as place:
        built = place.shown(replay_id)
        shards = built["progress"]["shards"]
        assert {each["projection"] for each in shards} == set(NAMES)
        assert {each["store"] for each in shards} == {"postgres", "redis", "clickhouse"}
        assert built["progress"]["events"] == built["progress"]["events_total"] > 0
        assert place.take(replay_id, "diff")["diff"]["surprises"] > 0
        closed = told(place.post(replay_id, "promote"), 409, "not_promotable")
        assert "cells differ" in closed["reasons"][0]
        compared = place.take(replay_id, "diff", expect=[RULE])
        assert (compared["state"], compared["diff"]["surprises"]) == ("diffed", 0)
        found = place.http.get(f"{PREFIX}/{replay_id}/diff")
        assert DiffAnswer.model_validate(found.json()).surprises == 0
        page = place.http.get(f"{PREFIX}/{replay_id}/diff", headers={"Accept": "text/html"})
        assert page.headers["Content-Type"].startswith("text/html")
        assert str(replay_id) in page.text
        told(place.http.get(f"{PREFIX}/{replay_id}/receipt"), 404, "no_receipt")
        first, second = place.post(replay_id, "promote"), place.post(replay_id, "promote")
        assert first.status_code == second.status_code == 202
        assert first.content == second.content
        promoted = place.ended(replay_id)
        assert (promoted["state"], promoted["error"]) == ("promoted", None)
        assert answering(stores) == dict.fromkeys(NAMES, 2) | {"documents": 1, "orders": 1}
        receipt = place.http.get(f"{PREFIX}/{replay_id}/receipt").json()
        assert ReceiptAnswer.model_validate(receipt).ok
        assert receipt["receipts"][-1]["sha256"] == promoted["receipt"]["sha256"]
        back = place.take(replay_id, "rollback")
        assert (back["state"], back["error"]) == ("rolled_back", None)
        assert back["cutover"]["seconds"] < 5
        assert answering(stores) == dict.fromkeys((*NAMES, "documents", "orders"), 1)
        gone = place.take(replay_id, "retire")
        assert (gone["state"], gone["next"]) == ("retired", [])


def test_only_an_operators_key_may_and_it_may_nothing_else(place: Place) -> None:
    replay_id = place.plan()
    tenants = add_key(
        place.database.log, TENANT, name="test", scopes=("inventory:read", "inventory:write")
    ).api_key
    ways = [("POST", ""), ("GET", "")]
    for each in (replay_id, SOMEBODY):
        ways += [("GET", f"/{each}{what}") for what in ("", "/diff", "/receipt")]
        ways += [("POST", f"/{each}/{step}") for step in STEP_BODIES]
    with httpx2.Client(base_url=place.url, trust_env=False, timeout=30) as stranger:
        for method, path in ways:
            answer = stranger.request(method, PREFIX + path)
            told(answer, 401, "unauthenticated")
            answer = stranger.request(method, PREFIX + path, headers={"X-API-Key": tenants})
            refused = told(answer, 403, "forbidden")
            assert "replay:operate" in refused["detail"]
            assert str(replay_id) not in answer.text
    told(place.http.get("/v1/items"), 403, "forbidden")
    told(place.http.post("/v1/commands", json={}), 403, "forbidden")
    assert place.shown(replay_id)["state"] == "planned"


def test_a_plan_is_said_or_made_once(place: Place) -> None:
    assert place.http.get(PREFIX).json() == {"replays": []}
    told(place.http.post(PREFIX), 409, "nothing_to_replay")
    dry = place.http.post(PREFIX, json={**WRONG, "dry_run": True})
    assert dry.status_code == 200
    assert PlanAnswer.model_validate(dry.json()).plan["strategy"] == "full"
    keys = place.http.post(PREFIX, json={"selection": {"skus": ["SKU-1"]}})
    assert (keys.status_code, keys.json()["plan"]["strategy"]) == (200, "single key")
    assert place.http.get(PREFIX).json() == {"replays": []}
    made = place.http.post(PREFIX, json=WRONG)
    assert made.status_code == 201
    replay_id = made.json()["replay_id"]
    assert made.headers["Location"] == f"{PREFIX}/{replay_id}"
    assert {each["to_version"] for each in made.json()["targets"]} == {2}
    assert set(made.json()["plan"]["forecast"]) == set(NAMES)
    refused = told(place.http.post(PREFIX, json=WRONG), 409, "replay_overlapping")
    assert refused["replay_id"] == replay_id
    assert refused["remedy"]
    (entry,) = ReplayList.model_validate(place.http.get(PREFIX).json()).replays
    assert (str(entry.replay_id), entry.state) == (replay_id, "planned")


def test_whoever_has_the_answer_already_is_told_that_nothing_changed(
    stores: World, place: Place
) -> None:
    replay_id = place.plan()
    first = place.http.get(f"{PREFIX}/{replay_id}")
    tag = first.headers["ETag"]
    for named in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = place.http.get(f"{PREFIX}/{replay_id}", headers={"If-None-Match": named})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    with stores.log.pool.connection() as connection:
        records.note(connection, replay_id, error="it changed")
    other = place.http.get(f"{PREFIX}/{replay_id}", headers={"If-None-Match": tag})
    assert (other.status_code, other.json()["error"]) == (200, "it changed")
    assert other.headers["ETag"] != tag


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("", {"projections": ["stock_level"]}, "/projections"),
        ("", {"edition": "2"}, "/edition"),
        ("", {"anyway": "yes"}, "/anyway"),
        ("", {"projection": "stock_levels"}, "/projection"),
        ("", {"selection": {"since": "2026-03-01T00:00:00"}}, "/selection/since"),
        ("", {"selection": {"first_position": 0}}, "/selection/first_position"),
        ("", [], ""),
        ("/{id}/run", {"cores": -1}, "/cores"),
        ("/{id}/run", {"source": "tape"}, "/source"),
        ("/{id}/run", {"budget": 0}, "/budget"),
        ("/{id}/diff", {"expect": [RULE, "damaged"]}, "/expect/1"),
        ("/{id}/promote", {"accept": " "}, "/accept"),
        ("/{id}/promote", {"accept": "it was meant so"}, "/difference_sha256"),
        ("/{id}/promote", {"difference_sha256": "ab" * 32}, "/accept"),
        ("/{id}/rollback", {"now": True}, "/now"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_done(
    api: httpx2.Client, path: str, body: object, pointer: str
) -> None:
    answer = api.post(f"{PREFIX}{path.format(id=SOMEBODY)}", json=body)
    found = told(answer, 422, "invalid")
    assert [each["pointer"] for each in found["errors"]] == [pointer]
    assert all(each["detail"] for each in found["errors"])


def test_what_is_no_json_or_names_no_replay_is_refused(api: httpx2.Client) -> None:
    plain = {"Content-Type": "application/json"}
    told(api.post(PREFIX, content=b"{", headers=plain), 400, "malformed_json")
    twice = api.post(PREFIX, content=b'{"edition":"1","edition":"1"}', headers=plain)
    assert told(twice, 422, "invalid")["errors"][0]["pointer"] == "/edition"
    told(api.post(PREFIX, content=b"x"), 415, "unsupported_media_type")
    told(api.get(PREFIX, headers={"Accept": "text/html"}), 406, "not_acceptable")
    told(
        api.get(f"{PREFIX}/{SOMEBODY}/diff", headers={"Accept": "image/png"}), 406, "not_acceptable"
    )
    told(api.get(f"{PREFIX}?limit=0"), 422, "invalid")
    told(api.get(f"{PREFIX}/latest"), 422, "invalid")
    for what in ("", "/diff", "/receipt"):
        told(api.get(f"{PREFIX}/{SOMEBODY}{what}"), 404, "unknown_replay")
    for step in STEP_BODIES:
        told(api.post(f"{PREFIX}/{SOMEBODY}/{step}"), 404, "unknown_replay")


def test_a_step_that_the_state_does_not_allow_is_refused_at_once(place: Place) -> None:
    replay_id = place.plan()
    for step, wanted in [
        ("diff", ["following", "diffed", "rolled_back"]),
        ("promote", ["diffed", "rolled_back", "promoted"]),
        ("rollback", ["promoted", "rolled_back"]),
        ("retire", ["promoted", "rolled_back", "retired"]),
    ]:
        found = told(place.post(replay_id, step), 409, "replay_state")
        assert (found["state"], found["wanted"]) == ("planned", wanted)
        assert found["remedy"] == "post run or cancel"
    told(place.http.get(f"{PREFIX}/{replay_id}/diff"), 404, "no_difference")
    assert place.take(replay_id, "cancel")["state"] == "cancelled"
    over = told(place.post(replay_id, "run"), 409, "replay_state")
    assert "POST /v1/replays" in over["remedy"]
    assert place.shown(replay_id)["error"] is None


def test_a_replay_that_somebody_works_on_is_busy(stores: World, place: Place) -> None:
    replay_id = place.plan()
    with stores.log.pool.connection() as connection:
        records.lease(connection, replay_id, owner_of("run", "elsewhere:1:ab", ["--cores=9"]))
    found = told(place.post(replay_id, "run"), 409, "replay_busy")
    assert found["step"] == "run"
    assert place.shown(replay_id)["step"]["name"] == "run"
    with stores.log.pool.connection() as connection:
        connection.execute("UPDATE replays SET owner_until = clock_timestamp()")
    assert place.shown(replay_id)["step"] is None
    assert place.take(replay_id, "run", cores=0)["state"] == "following"


def test_a_process_that_dies_or_fails_shows_and_its_step_is_taken_again(
    stores: World, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay_id = place.plan()
    failed = place.take(replay_id, "run", source="archive:nowhere")
    assert failed["state"] in {"planned", "failed"}
    assert "nowhere" in failed["error"]
    assert place.take(replay_id, "run", cores=0)["error"] is None
    assert place.take(replay_id, "diff", expect=[RULE])["state"] == "diffed"
    monkeypatch.setenv("BACKSTOCK_CRASH_AT", "cutover.careful")
    died = place.take(replay_id, "promote")
    assert (died["state"], died["step"]) == ("diffed", None)
    assert "promote: its process" in died["error"]
    assert answering(stores)["stock_levels"] == 1
    monkeypatch.delenv("BACKSTOCK_CRASH_AT")
    promoted = place.take(replay_id, "promote")
    assert (promoted["state"], promoted["error"]) == ("promoted", None)
    assert promoted["receipt"] is not None


def test_a_process_that_fails_before_it_can_note_it_leaves_a_trace(stores: World) -> None:
    replay_id = stores.plan("stock_levels")
    operations, owner = ReplayOperations(stores.around), owner_of("run", "elsewhere:1:ab")
    for own, shown in [(None, "run: its process ended with exit code 1"), ("run: no", "run: no")]:
        with stores.log.pool.connection() as connection:
            records.lease(connection, replay_id, owner)
            records.note(connection, replay_id, error=own)
        operations._ended("run", replay_id, owner, 1)
        found = stores.replay(replay_id)
        assert (found.owner, (found.error or "")[: len(shown)]) == (None, shown)


def test_an_acceptance_is_recorded_with_the_key_that_gave_it(stores: World, place: Place) -> None:
    replay_id = ready(stores, "stock_levels", surprises=2)
    told(place.post(replay_id, "promote"), 409, "not_promotable")
    reason, stale = "it was meant so", "ab" * 32
    other = place.post(replay_id, "promote", accept=reason, difference_sha256=stale)
    assert "not the one that is stored" in told(other, 409, "not_promotable")["reasons"][0]
    found = place.http.get(f"{PREFIX}/{replay_id}/diff").json()
    looked_at = found["difference_sha256"]
    done = place.take(replay_id, "promote", accept=reason, difference_sha256=looked_at)
    assert done["state"] == "promoted"
    key_id = place.http.headers["X-API-Key"].split("_")[2]
    accepted = {"who": f"key_{key_id}", "why": "it was meant so", "surprises": 2}
    assert done["acceptance"].items() >= accepted.items()
