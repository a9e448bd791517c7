"""Standard Webhooks: what is signed, what is believed, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.problems import Problem
from api.webhooks import TOLERANCE, Signed, read_secret, shown, signature

# The example that the specification's own libraries are tested with.
SECRET = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
BODY = b'{"test": 2432232314}'
ID, AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
SIGNATURE = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
SENT_AT = datetime.fromtimestamp(AT, UTC)


def headers(**changed: str) -> dict[str, str]:
    given = {"id": ID, "timestamp": str(AT), "signature": f"v1,{SIGNATURE}"} | changed
    return {f"webhook-{name}": value for name, value in given.items()}


def test_the_signature_is_the_one_that_the_specification_gives() -> None:
    assert signature(SECRET, ID, str(AT), BODY) == SIGNATURE
    assert read_secret(shown(SECRET)) == SECRET


@pytest.mark.parametrize("off", [timedelta(0), TOLERANCE, -TOLERANCE])
def test_what_was_signed_lately_is_believed(off: timedelta) -> None:
    Signed.of(headers()).check(SECRET, BODY, SENT_AT + off)


def test_one_good_signature_among_several_is_enough() -> None:
    many = f"v1a,zzz v1,AAAA v1,{SIGNATURE}"
    Signed.of(headers(signature=many)).check(SECRET, BODY, SENT_AT)


@pytest.mark.parametrize("off", [TOLERANCE, -TOLERANCE])
def test_what_was_signed_long_ago_or_ahead_is_refused(off: timedelta) -> None:
    beyond = SENT_AT + off + (timedelta(seconds=1) if off > timedelta(0) else timedelta(seconds=-1))
    with pytest.raises(Problem, match="more than 5 minutes"):
        Signed.of(headers()).check(SECRET, BODY, beyond)


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (BODY + b" ", {}),
        (BODY, {"id": "msg_other"}),
        (BODY, {"timestamp": str(AT + 1)}),
        (BODY, {"signature": "v1,AAAA"}),
        (BODY, {"signature": "v1,ä"}),
    ],
)
def test_whatever_was_changed_after_signing_is_refused(
    body: bytes, changed: dict[str, str]
) -> None:
    with pytest.raises(Problem, match="endpoint's secret"):
        Signed.of(headers(**changed)).check(SECRET, body, SENT_AT)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"id": ""}, "webhook-id"),
        ({"id": "two words"}, "webhook-id"),
        ({"id": "x" * 101}, "webhook-id"),
        ({"timestamp": "2026-03-01"}, "webhook-timestamp"),
        ({"timestamp": "-1"}, "webhook-timestamp"),
        ({"timestamp": "9" * 12}, "webhook-timestamp"),
        ({"signature": ""}, "webhook-signature"),
        ({"signature": f"v2,{SIGNATURE}"}, "webhook-signature"),
    ],
)
def test_headers_that_cannot_be_read_are_named(changed: dict[str, str], named: str) -> None:
    with pytest.raises(Problem, match=named):
        Signed.of(headers(**changed))
