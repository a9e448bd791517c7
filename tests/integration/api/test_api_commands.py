"""Commands over HTTP: one answer each, the same for ever, and nothing half-done."""

from collections.abc import Mapping

import httpx2
import orjson

from tests.api_world import SHELF, Business, Process, receive, register_location

RESERVE = {"type": "reserve_stock", **SHELF, "expires_at": "2100-01-01T00:00:00Z"}


def send(http: httpx2.Client, command: Mapping[str, object], **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.post(f"/v1/commands/{command['type']}", json=command, headers=named)


def test_an_accepted_command_is_answered_with_position_version_and_token(
    acme: Business,
) -> None:
    acme.stock_up(10)
    answer = send(acme.http(), receive(5))
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"2"'
    assert answer.headers["Position-Token"]
    assert "Idempotent-Replayed" not in answer.headers
    body = answer.json()
    assert body["result"]["on_hand"] == 15
    assert {name: value for name, value in body.items() if name != "result"} == {
        "outcome": "accepted",
        "ledger": "main",
        "first_position": 4,
        "last_position": 4,
        "version": 2,
    }


def test_the_same_key_and_body_get_the_same_bytes_and_one_effect(acme: Business) -> None:
    acme.stock_up(10)
    http = acme.http()
    first = send(http, receive(5))
    again = send(http, {**receive(5), "key": "r-1"}, Idempotency_Key='"r-1"')
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Position-Token"] == first.headers["Position-Token"]
    in_bulk = http.post("/v1/commands", json={"commands": [receive(5)]}).json()["results"][0]
    assert in_bulk["replayed"] is True
    assert in_bulk["first_position"] == first.json()["first_position"]
    assert len(acme.events()) == 4


def test_a_refusal_is_kept_and_repeated_byte_for_byte(acme: Business) -> None:
    acme.stock_up(10)
    http = acme.http()
    reserve = {**RESERVE, "key": "v-1", "reservation_id": "v-1", "quantity": 11}
    first = send(http, reserve)
    send(http, receive(5))
    again = send(http, reserve)
    assert (first.status_code, again.status_code) == (409, 409)
    assert first.headers["Content-Type"] == "application/problem+json"
    assert first.json()["code"] == "insufficient_stock"
    assert first.json()["refusal"]["available"] == 10
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_key_with_another_body_is_refused(acme: Business) -> None:
    acme.stock_up(10)
    send(acme.http(), receive(5))
    other = send(acme.http(), receive(6))
    assert (other.status_code, other.json()["code"]) == (422, "key_conflict")
    assert len(acme.events()) == 4


def test_a_version_that_has_passed_is_refused(acme: Business) -> None:
    acme.stock_up(10)
    stale = send(acme.http(), receive(5), If_Match='"7"')
    assert (stale.status_code, stale.json()["code"]) == (412, "version_mismatch")
    assert stale.json()["refusal"]["actual"] == 1
    assert send(acme.http(), receive(5, key="r-2"), If_Match='"1"').status_code == 200


def test_what_is_unknown_is_named(acme: Business) -> None:
    acme.stock_up(10)
    http = acme.http()
    for changed, code in [
        ({"sku": "NONE"}, "unknown_item"),
        ({"location": "moon"}, "unknown_location"),
        ({"ledger": "outlet"}, "unknown_ledger"),
    ]:
        answer = send(http, receive(1, key=f"k-{code}", **changed))
        assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_a_bulk_answers_each_line_in_order(acme: Business) -> None:
    acme.stock_up(10)
    lines = [
        receive(5),
        {**RESERVE, "key": "v-1", "reservation_id": "v-1", "quantity": 16},
        receive(-1, key="r-2"),
        {**RESERVE, "key": "v-2", "reservation_id": "v-2", "quantity": 15},
    ]
    answer = acme.http().post("/v1/commands", json={"commands": lines})
    assert answer.status_code == 207
    body = answer.json()
    assert [(each["index"], each["status"], each["outcome"]) for each in body["results"]] == [
        (0, 200, "accepted"),
        (1, 409, "refused"),
        (2, 422, "invalid"),
        (3, 200, "accepted"),
    ]
    assert body["results"][2]["errors"][0]["pointer"] == "/commands/2/quantity"
    assert body["position"] == 5
    assert len(acme.events()) == 5


def test_an_atomic_bulk_with_a_refusal_writes_no_event_and_keeps_the_refusal(
    acme: Business,
) -> None:
    acme.stock_up(10)
    http = acme.http()
    too_much = {**RESERVE, "key": "v-1", "reservation_id": "v-1", "quantity": 16}
    bulk = {"mode": "atomic", "commands": [receive(5), too_much]}
    answer = http.post("/v1/commands", json=bulk)
    assert answer.status_code == 422
    body = answer.json()
    assert body["code"] == "atomic_refused"
    assert [each["status"] for each in body["results"]] == [424, 409]
    assert [each["pointer"] for each in body["errors"]] == ["/commands/1"]
    assert len(acme.events()) == 3
    assert http.post("/v1/commands", json=bulk).json()["results"][1]["replayed"]
    bulk["commands"] = [receive(6), {**too_much, "key": "v-2", "quantity": 15}]
    again = http.post("/v1/commands", json=bulk)
    assert again.status_code == 200
    assert len(acme.events()) == 5


def test_an_atomic_bulk_with_a_malformed_line_is_refused_whole(acme: Business) -> None:
    acme.stock_up(10)
    bulk = {"mode": "atomic", "commands": [receive(5), receive(0.5, key="r-2")]}
    answer = acme.http().post("/v1/commands", json=bulk)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["errors"][0]["pointer"] == "/commands/1/quantity"
    assert len(acme.events()) == 3


def test_an_atomic_bulk_over_two_ledgers_is_refused(process: Process) -> None:
    lines = [register_location("a"), {**register_location("b"), "ledger": "outlet"}]
    with process.business("main", "outlet") as acme:
        answer = acme.http().post("/v1/commands", json={"mode": "atomic", "commands": lines})
    assert answer.status_code == 422
    assert {each["refusal"]["code"] for each in answer.json()["results"]} == {"atomic_over_ledgers"}


def test_lines_of_two_ledgers_share_a_token_that_names_both(process: Process) -> None:
    lines = [register_location("a"), {**register_location("b"), "ledger": "outlet"}]
    with process.business("main", "outlet") as acme:
        body = acme.http().post("/v1/commands", json={"commands": lines}).json()
    assert body["position"] is None
    positions = process.deps.write_side.positions
    for ledger in ("main", "outlet"):
        assert positions.wanted(acme.tenant, ledger, body["token"]) == 1


def test_customers_reach_the_log_only_as_subjects(acme: Business) -> None:
    acme.stock_up(10)
    order = {
        "type": "place_order",
        "key": "o-1",
        "order_id": "o-1",
        "customer": "ada@example.org",
        "lines": [{"line": 1, **SHELF, "quantity": 1}],
    }
    assert send(acme.http(), order).status_code == 200
    assert send(acme.http(), order).headers["Idempotent-Replayed"] == "true"
    stored = b"".join(event.data + event.metadata for event in acme.events())
    assert b"ada" not in stored
    with acme.process.pool.connection() as connection:
        rows = connection.execute(
            "SELECT kind, external_id, subject FROM subjects WHERE tenant = %s", (acme.tenant,)
        )
        ((*who, subject),) = rows.fetchall()
    assert who == ["customer", "ada@example.org"]
    assert subject.encode() in stored


def test_who_did_it_and_the_trace_go_into_the_metadata(acme: Business) -> None:
    acme.stock_up(1)
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    send(acme.http(), receive(1), X_Correlation_ID="tour 7", traceparent=traceparent)
    metadata = orjson.loads(acme.events()[-1].metadata)
    assert metadata == {
        "actor": f"key_{acme.key_id}",
        "command_id": "r-1",
        "correlation_id": "tour 7",
        "traceparent": traceparent,
    }


def test_a_key_that_stands_nowhere_is_asked_for(acme: Business) -> None:
    keyless = {name: value for name, value in receive(1).items() if name != "key"}
    answer = send(acme.http(), keyless)
    assert (answer.status_code, answer.json()["code"]) == (400, "key_missing")
    assert answer.json()["errors"][0]["pointer"] == "header/Idempotency-Key"


def test_an_unknown_command_is_told_which_there_are(acme: Business) -> None:
    answer = send(acme.http(), {"type": "take_stock"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_command")
    assert "receive_stock" in answer.json()["detail"]


def test_commands_answered_are_counted_by_outcome(acme: Business) -> None:
    acme.stock_up(10)
    http = acme.http()
    send(http, receive(5))
    before = _counted(http, replayed=True), _counted(http, replayed=False)
    send(http, receive(5))
    send(http, receive(5, key="r-2"))
    after = _counted(http, replayed=True), _counted(http, replayed=False)
    assert [later - earlier for earlier, later in zip(before, after, strict=True)] == [1, 1]


def _counted(http: httpx2.Client, *, replayed: bool) -> float:
    text = http.get("/metrics").text
    line = f'commands_total{{code="",outcome="accepted",replayed="{str(replayed).lower()}"}} '
    # A series appears with its first count.
    return float(text.partition(line)[2].split("\n")[0] or 0)
