"""Whatever arrives: a clear answer, and the log as it was."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import orjson
import pytest

from api.requests import BODY_BYTES_MAX
from tests.api_world import Business, receive

JSON = {"Content-Type": "application/json"}
GOOD = orjson.dumps(receive(1))
BODIES = [
    (b"", 400, "malformed_json"),
    (GOOD[:-5], 400, "malformed_json"),
    (GOOD.decode().encode("utf-16"), 400, "malformed_json"),
    (GOOD.replace(b"hall", b"h\xe4ll"), 400, "malformed_json"),
    (b"[1]", 422, "invalid"),
    (b"null", 422, "invalid"),
    (GOOD.replace(b":1", b":NaN"), 422, "invalid"),
    (GOOD.replace(b":1", b':1,"quantity":2'), 422, "invalid"),
    (GOOD.replace(b":1", b":1.5"), 422, "invalid"),
    (GOOD.replace(b":1", b":-1"), 422, "invalid"),
    (GOOD.replace(b":1", b':"1"'), 422, "invalid"),
    (GOOD.replace(b":1", b":" + b"9" * 40), 422, "invalid"),
    (GOOD.replace(b":1", b":1000000001"), 422, "invalid"),
    (GOOD.replace(b":1", b":" + b"[" * 40 + b"]" * 40), 422, "invalid"),
    (GOOD.replace(b"hall", b"h\\u0000ll"), 422, "invalid"),
    (GOOD.replace(b"hall", b"h\\ud800ll"), 422, "invalid"),
    (GOOD.replace(b"hall", b"h ll"), 422, "invalid"),
]


def test_every_bad_body_is_named_and_writes_nothing(acme: Business) -> None:
    acme.stock_up(1)
    http = acme.http()
    before = len(acme.events())
    for body, status, code in BODIES:
        answer = http.post(
            "/v1/commands/receive_stock",
            content=body,
            headers={**JSON, "Idempotency-Key": "r-1"},
        )
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (status, code), body[:80]
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert problem["detail"]
        if code == "invalid":
            assert problem["errors"], body[:80]
    assert len(acme.events()) == before
    # Not even the key was used up.
    assert http.post("/v1/commands/receive_stock", json=receive(1)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        ({"Content-Type": "application/json", "Accept": "text/csv"}, 406, "not_acceptable"),
        ({"Content-Type": "application/json", "If-Match": "7"}, 400, "invalid_header"),
        ({"Content-Type": "application/json", "traceparent": "x"}, 400, "invalid_header"),
        (
            {"Content-Type": "application/json", "X-Correlation-ID": "x" * 201},
            400,
            "invalid_header",
        ),
    ],
)
def test_a_header_that_cannot_be_met_is_named(
    acme: Business, headers: dict[str, str], status: int, code: str
) -> None:
    answer = acme.http().post("/v1/commands/receive_stock", content=GOOD, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_address_or_method_that_is_none_says_so(acme: Business) -> None:
    http = acme.http()
    missing, wrong = http.get("/v1/nothing"), http.delete("/v1/commands")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "POST"


def test_a_body_that_is_declared_too_large_is_refused_before_it_is_sent(acme: Business) -> None:
    head = (
        f"POST /v1/commands HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {acme.api_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {BODY_BYTES_MAX + 1}\r\n\r\n"
    )
    assert _status(acme, head.encode()) == 413


def test_a_body_that_grows_too_large_is_refused_while_it_streams(acme: Business) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(BODY_BYTES_MAX // 65_536 + 1):
            yield b" " * 65_536

    answer = acme.http().post("/v1/commands", content=endless(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def _status(acme: Business, request: bytes) -> int:
    url = urlsplit(acme.process.url)
    with socket.create_connection((url.hostname, url.port or 0), timeout=10) as connection:
        connection.sendall(request)
        return int(connection.recv(65_536).split()[1])
