"""Payments over HTTP: reported by signed webhooks and by commands, each report with one effect."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
import pytest

from api.personal_sealing import WrappingKey
from api.webhooks import read_secret, signature
from ops.access import AccessError
from ops.webhooks import NewEndpoint, add_endpoint, revoke_endpoint
from tests.api_world import SECRET, Business

DATA: dict[str, Any] = {
    "payment_id": "p1",
    "order_id": "o1",
    "amount_micros": 5_000_000,
    "currency": "GBP",
    "reference": "auth-1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Somebody who reports to an endpoint of the business."""

    business: Business
    endpoint: NewEndpoint

    def send(self, message_id: str, body: bytes, *, sent_at: int | None = None) -> Any:
        timestamp = str(int(time.time()) if sent_at is None else sent_at)
        signed = signature(read_secret(self.endpoint.secret), message_id, timestamp, body)
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{signed}",
        }
        http = self.business.http(shown=False)
        return http.post(self.endpoint.path, content=body, headers=headers)

    def report(self, message_id: str, kind: str, **changed: Any) -> Any:
        return self.send(message_id, message(kind, **changed))


def message(kind: str, **changed: Any) -> bytes:
    return orjson.dumps({"type": f"payment.{kind}", "data": DATA | changed})


def endpoint_of(business: Business, *, ledger: str = "main", secret: bytes = SECRET) -> NewEndpoint:
    log = business.process.database.log
    return add_endpoint(log, WrappingKey(secret), business.tenant, ledger=ledger, name="cards")


@pytest.fixture
def provider(acme: Business) -> Provider:
    return Provider(business=acme, endpoint=endpoint_of(acme))


def read(business: Business, path: str, **parameters: str) -> Any:
    return business.client().get(path, **parameters)


def types(business: Business) -> list[str]:
    return [event.type for event in business.events()]


def test_a_payment_is_reported_step_by_step_and_read(provider: Provider) -> None:
    acme = provider.business
    assert provider.report("m1", "authorised").json()["result"] == {"status": "authorised"}
    dated = {"type": "payment.captured", "timestamp": "2026-03-01T09:30:00Z"}
    body = orjson.dumps(dated | {"data": DATA | {"reference": "cap-1"}})
    assert provider.send("m2", body).status_code == 200
    acme.project()
    document = read(acme, "/v1/payments/p1")["document"]
    assert (document["status"], document["refs"]) == ("captured", ["order:o1"])
    assert document["body"]["captured_micros"] == 5_000_000
    (found,) = read(acme, "/v1/payments", ref="order:o1")["documents"]
    assert found["id"] == "p1"
    first, second = acme.events()
    assert second.occurred_at.isoformat() == "2026-03-01T09:30:00+00:00"
    assert b"system_webhook_" in first.metadata


def test_a_message_that_is_sent_again_has_one_effect_and_one_answer(provider: Provider) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: provider.report("m1", "authorised"), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert types(provider.business) == ["payment.authorised.v1"]


def test_a_report_under_another_message_id_is_known_already(provider: Provider) -> None:
    provider.report("m1", "authorised")
    again = provider.report("m2", "authorised")
    assert (again.status_code, again.json()["known"]) == (200, True)
    by_hand = {**DATA, "report": "authorised"}
    answer = provider.business.http().post(
        "/v1/commands/record_payment", json=by_hand, headers={"Idempotency-Key": "m1"}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_report_exists")
    assert types(provider.business) == ["payment.authorised.v1"]


def test_one_message_id_with_two_bodies_is_refused(provider: Provider) -> None:
    provider.report("m1", "authorised")
    other = provider.report("m1", "authorised", amount_micros=1)
    assert (other.status_code, other.json()["code"]) == (422, "key_conflict")


def test_what_cannot_be_true_is_refused(provider: Provider) -> None:
    provider.report("m1", "authorised")
    beyond = provider.report("m2", "captured", amount_micros=5_000_001, reference="c")
    assert (beyond.status_code, beyond.json()["code"]) == (409, "capture_exceeds_authorised")
    again = provider.report("m2", "captured", amount_micros=5_000_001, reference="c")
    assert (again.status_code, again.json()["code"]) == (409, "capture_exceeds_authorised")
    strange = provider.report("m3", "captured", currency="EUR")
    assert strange.json()["code"] == "payment_differs"
    assert provider.report("m3", "captured", currency="EUR").headers["Idempotent-Replayed"]
    assert types(provider.business) == ["payment.authorised.v1"]


def test_a_refund_that_comes_before_its_capture_counts_once_when_it_is_sent_again(
    provider: Provider,
) -> None:
    body, begin = message("refunded", reference="re-1"), int(time.time())
    for attempt in range(3):
        early = provider.send("m1", body, sent_at=begin + attempt)
        assert (early.status_code, early.json()["code"]) == (409, "refund_exceeds_captured")
    assert provider.report("m2", "captured", reference="cap-1").status_code == 200
    recorded = provider.send("m1", body, sent_at=begin + 3)
    assert recorded.json()["result"] == {"status": "refunded"}
    for attempt in (3, 4):
        assert provider.send("m1", body, sent_at=begin + attempt).status_code == 200
    other = provider.send("m1", message("refunded", reference="re-2"), sent_at=begin + 5)
    assert other.json()["code"] == "key_conflict"
    assert types(provider.business) == ["payment.captured.v1", "payment.refunded.v1"]


def test_nobody_reports_without_the_endpoint_s_secret(provider: Provider) -> None:
    acme = provider.business
    body = message("authorised")
    unsigned = acme.http().post(provider.endpoint.path, content=body)
    forged = Provider(business=acme, endpoint=endpoint_of(acme))
    stolen = Provider(
        business=acme,
        endpoint=NewEndpoint(
            endpoint="",
            tenant="",
            ledger="",
            path=provider.endpoint.path,
            secret=forged.endpoint.secret,
        ),
    )
    unknown = Provider(
        business=acme,
        endpoint=NewEndpoint(
            endpoint="",
            tenant="",
            ledger="",
            path="/v1/webhooks/payments/" + "0" * 24,
            secret=provider.endpoint.secret,
        ),
    )
    late = provider.send("m", body, sent_at=int(time.time()) - 301)
    answers = [unsigned, stolen.send("m", body), unknown.send("m", body), late]
    assert {(each.status_code, each.json()["code"]) for each in answers} == {
        (401, "webhook_unverified")
    }
    assert answers[1].json() == answers[2].json()
    assert types(acme) == []


def test_a_revoked_endpoint_takes_nothing(provider: Provider) -> None:
    revoke_endpoint(provider.business.process.database.log, provider.endpoint.endpoint)
    assert provider.report("m1", "authorised").status_code == 401
    with pytest.raises(AccessError, match="no endpoint"):
        revoke_endpoint(provider.business.process.database.log, "nothing")
    with pytest.raises(AccessError, match="backstock tenant add"):
        endpoint_of(provider.business, ledger="nowhere")


def test_a_secret_under_another_deployment_s_key_says_so(acme: Business) -> None:
    foreign = Provider(business=acme, endpoint=endpoint_of(acme, secret=b"another"))
    answer = foreign.report("m1", "authorised")
    assert (answer.status_code, answer.json()["code"]) == (503, "personal_key")


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        (b"{", 400, ""),
        (b"[]", 422, ""),
        (message("authorised", amount_micros=0), 422, "/data/amount_micros"),
        (message("authorised", amount_micros=1.5), 422, "/data/amount_micros"),
        (message("authorised", currency="pounds"), 422, "/data/currency"),
        (message("authorised", reference=""), 422, "/data/reference"),
        (message("authorised", payment_id="a@b"), 422, "/data/payment_id"),
        (message("authorised", card="4111"), 422, "/data/card"),
        (message("disputed"), 422, "/type"),
    ],
)
def test_a_message_that_cannot_be_read_is_refused_by_field(
    provider: Provider, body: bytes, status: int, named: str
) -> None:
    answer = provider.send("m1", body)
    assert answer.status_code == status
    if named:
        assert named in {error["pointer"] for error in answer.json()["errors"]}
    # Nothing is stored under its id: put right, it is taken.
    assert provider.report("m1", "authorised").status_code == 200


def test_one_who_has_the_database_alone_reads_no_secret(provider: Provider) -> None:
    secret = read_secret(provider.endpoint.secret)
    database = provider.business.process.database
    with (
        psycopg.connect(database.read) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT wrapped_secret FROM webhook_endpoints")
    with psycopg.connect(database.log) as connection:
        query = "SELECT wrapped_secret FROM webhook_endpoints WHERE endpoint = %s"
        row = connection.execute(query, (provider.endpoint.endpoint,)).fetchone()
    assert row is not None
    assert secret not in bytes(row[0])
