from collections.abc import Callable
from typing import Any

import httpx2
import orjson
import pytest

from api.client import LINE_ATTEMPTS_MAX, ApiError, Client, UnreachableError

RECEIVE = {"type": "receive_stock", "key": "k-1", "sku": "A", "location": "hall", "quantity": 1}
ACCEPTED = {"outcome": "accepted", "ledger": "main", "first_position": 1, "last_position": 1}
REFUSAL = {"code": "insufficient_stock", "detail": "3 were asked for, 2 are available."}

Reply = httpx2.Response | Exception


class Peer:
    """Answers with the replies it is given, in turn, and keeps what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[httpx2.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def client(self, **options: Any) -> Client:
        sleep: Callable[[float], None] = self.slept.append
        return Client(
            "http://peer", "key", sleep=sleep, transport=httpx2.MockTransport(self), **options
        )


def answered(status: int, body: object, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, content=orjson.dumps(body), headers=named)


def line(index: int, **members: object) -> dict[str, object]:
    return {"index": index, "key": f"k-{index}", "status": 200, **ACCEPTED, **members}


def test_a_broken_request_is_sent_again_byte_for_byte() -> None:
    peer = Peer(
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("slow"),
        answered(503, {"code": "unavailable"}, Retry_After="2"),
        answered(200, {**ACCEPTED, "version": 1, "result": {}}, Position_Token="t"),
    )
    with peer.client() as client:
        answer = client.submit(RECEIVE)
    assert (answer.accepted, answer.key, answer.version, answer.token) == (True, "k-1", 1, "t")
    assert len({request.content for request in peer.requests}) == 1
    assert orjson.loads(peer.requests[0].content)["key"] == "k-1"
    assert peer.slept[2] == 2.0


def test_a_refusal_is_an_answer() -> None:
    body = {"type": "x", "status": 409, "code": "insufficient_stock", "outcome": "refused"}
    peer = Peer(answered(409, body | {"refusal": REFUSAL}, Idempotent_Replayed="true"))
    with peer.client() as client:
        answer = client.submit(RECEIVE)
    assert (answer.status, answer.outcome, answer.replayed) == (409, "refused", True)
    assert answer.refusal == REFUSAL


def test_a_wrong_request_is_an_error_that_names_its_fields_and_is_not_repeated() -> None:
    errors = [{"pointer": "/quantity", "detail": "write a number of at least 1"}]
    peer = Peer(answered(422, {"code": "invalid", "detail": "Wrong.", "errors": errors}))
    with peer.client() as client, pytest.raises(ApiError) as caught:
        client.submit(RECEIVE)
    assert (caught.value.status, caught.value.code) == (422, "invalid")
    assert caught.value.errors[0].pointer == "/quantity"
    assert len(peer.requests) == 1


def test_an_answer_that_is_no_json_is_an_error_with_its_status() -> None:
    peer = Peer(httpx2.Response(404, content=b"<html>"))
    with peer.client() as client, pytest.raises(ApiError) as caught:
        client.get("/v1/items")
    assert caught.value.status == 404


def test_a_command_without_a_key_is_not_sent() -> None:
    peer = Peer()
    with peer.client() as client, pytest.raises(ValueError, match="needs a key"):
        client.submit({**RECEIVE, "key": ""})
    assert peer.requests == []


def test_a_peer_that_never_answers_is_unreachable_with_the_last_reason() -> None:
    peer = Peer(*[answered(503, {"code": "unavailable"}, Retry_After="0")] * 100_000)
    with (
        peer.client(retry_seconds_max=0.05) as client,
        pytest.raises(UnreachableError, match="503 unavailable"),
    ):
        client.submit(RECEIVE)
    assert len(peer.requests) > 1


def test_only_the_lines_without_an_answer_are_sent_again() -> None:
    failed = {"status": 503, "outcome": "failed", "first_position": None, "last_position": None}
    first = {"results": [line(0), line(1, **failed), line(2)], "token": "t1", "position": 2}
    second = {"results": [line(0, key="k-1")], "token": "t2", "position": 3}
    peer = Peer(answered(207, first), answered(200, second))
    with peer.client() as client:
        bulk = client.submit_bulk([{**RECEIVE, "key": f"k-{index}"} for index in range(3)])
    assert [(each.index, each.key, each.accepted) for each in bulk.results] == [
        (0, "k-0", True),
        (1, "k-1", True),
        (2, "k-2", True),
    ]
    assert (bulk.token, bulk.position) == ("t2", 3)
    sent = orjson.loads(peer.requests[1].content)["commands"]
    assert [each["key"] for each in sent] == ["k-1"]


def test_lines_that_never_get_an_answer_come_back_as_failed() -> None:
    reply = answered(207, {"results": [line(0, status=503, outcome="failed")]})
    peer = Peer(*[reply] * (LINE_ATTEMPTS_MAX + 1))
    with peer.client() as client:
        (answer,) = client.submit_bulk([RECEIVE]).results
    assert (answer.outcome, len(peer.replies)) == ("failed", 0)


def test_a_refused_atomic_bulk_is_an_answer_with_every_line() -> None:
    lines = [line(0, status=424, outcome="not_applied"), line(1, status=409, outcome="refused")]
    peer = Peer(answered(422, {"code": "atomic_refused", "results": lines}))
    with peer.client() as client:
        bulk = client.submit_bulk([RECEIVE, RECEIVE], "atomic")
    assert [each.outcome for each in bulk.results] == ["not_applied", "refused"]
    assert bulk.token is None


def test_pages_follow_the_cursor_to_the_end() -> None:
    peer = Peer(
        answered(200, {"items": [1], "next_cursor": "c2"}),
        answered(200, {"items": [2], "next_cursor": None}),
    )
    with peer.client() as client:
        pages = list(client.pages("/v1/items", ledger="main", status=None, sku=["a", "b"]))
    assert [page["items"] for page in pages] == [[1], [2]]
    assert str(peer.requests[0].url.query, "ascii") == "ledger=main&sku=a&sku=b"
    assert peer.requests[1].url.params["cursor"] == "c2"


def test_answers_are_looked_up_by_key() -> None:
    found = {"key": "k-1", "outcome": "accepted", "answer": ACCEPTED, "last_position": 1}
    peer = Peer(answered(200, {"answers": [found]}))
    with peer.client() as client:
        answers = client.answers(["k-1", "k-2"])
    assert {key: answer.outcome for key, answer in answers.items()} == {"k-1": "accepted"}


def test_an_id_with_a_slash_stays_one_part_of_the_path() -> None:
    peer = Peer(answered(200, {}))
    with peer.client() as client:
        client.item("A/B")
    assert peer.requests[0].url.raw_path == b"/v1/items/A%2FB"
