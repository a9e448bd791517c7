"""Who may: API keys, scopes, and what a key that is none is told."""

import time

import pytest

from api import authentication
from ops.access import AccessError, add_tenant, revoke_key
from tests.api_world import Business, receive


@pytest.mark.parametrize(
    "key",
    [
        "Bearer",
        "bs_live_x_" + "y" * 43,
        "bs_test_{id}_{secret}",
        "bs_live_{id}_" + "y" * 43,
        "bs_live_{id}_{secret}0",
        "bs_live_{id}",
        "bs_live_{id}_{secret}' OR 1=1",
        "bs_live_" + "a" * 10_000 + "_b",
    ],
)
def test_without_a_good_key_there_is_nothing(acme: Business, key: str) -> None:
    _, _, key_id, secret = acme.api_key.split("_", 3)
    shown = key.format(id=key_id, secret=secret) if "{" in key else key
    for headers in ({"Authorization": f"Bearer {shown}"}, {"X-API-Key": shown}, {}):
        answer = acme.http(shown=False).post("/v1/commands", json={}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_key_works_in_either_header(acme: Business) -> None:
    answer = acme.http(shown=False).post(
        "/v1/commands", json={}, headers={"X-API-Key": acme.api_key}
    )
    assert answer.status_code == 422


def test_a_key_without_the_scope_is_forbidden(acme: Business) -> None:
    reader = acme.http(key=acme.another_key("inventory:read"))
    answer = reader.post("/v1/commands/receive_stock", json=receive(1))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert "inventory:write" in answer.json()["detail"]


def test_a_revoked_key_ends_within_seconds(acme: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "REMEMBERED_SECONDS_MAX", 0.3)
    http = acme.http()
    assert http.post("/v1/commands", json={}).status_code == 422
    revoke_key(acme.process.database.log, acme.key_id)
    deadline = time.monotonic() + 5
    while http.post("/v1/commands", json={}).status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_secret_is_nowhere_in_the_store(acme: Business) -> None:
    secret = acme.api_key.split("_", 3)[3]
    with acme.process.pool.connection() as connection:
        rows = connection.execute("SELECT a::text FROM api_keys AS a").fetchall()
    assert rows
    assert secret not in str(rows)


@pytest.mark.parametrize("slug", ["a" * 32, "a" * 40, "-a", "Acme", "a/b"])
def test_a_name_that_the_store_would_not_take_is_refused_in_words(
    acme: Business, slug: str
) -> None:
    for tenant, ledger in ((slug, "main"), ("bolt", slug)):
        with pytest.raises(AccessError, match="is no name for a tenant or ledger"):
            add_tenant(acme.process.database.log, tenant, name="Bolt", ledgers=[ledger])


def test_the_longest_names_are_taken(acme: Business) -> None:
    name = "a" * 31
    assert add_tenant(acme.process.database.log, name, name="Long", ledgers=[name]) == [
        f"{name}/{name}"
    ]
