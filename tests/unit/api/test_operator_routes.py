"""Metrics are for this machine, or for whoever shows the token."""

from fastapi.testclient import TestClient

from tests.unit.api.application import application


def test_without_a_token_only_this_machine_may_scrape() -> None:
    app = application()
    assert TestClient(app, client=("127.0.0.1", 1)).get("/metrics").status_code == 200
    far = TestClient(app, client=("10.0.0.9", 1)).get("/metrics")
    assert (far.status_code, far.json()["code"]) == (403, "forbidden")


def test_with_a_token_only_who_shows_it_may_scrape() -> None:
    app = application(metrics_token="scrape-me")
    client = TestClient(app, client=("127.0.0.1", 1))
    assert client.get("/metrics").status_code == 403
    wrong = {"Authorization": "Bearer scrape-m"}
    assert client.get("/metrics", headers=wrong).status_code == 403
    right = {"Authorization": "Bearer scrape-me"}
    assert client.get("/metrics", headers=right).status_code == 200


def test_a_process_without_parts_is_alive_and_ready() -> None:
    client = TestClient(application())
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "parts": {}}


def test_the_table_of_problems_can_be_read() -> None:
    client = TestClient(application())
    kinds = {kind["code"]: kind for kind in client.get("/problems").json()}
    assert client.get("/problems/key_conflict").json() == kinds["key_conflict"]
    assert client.get("/problems/none").status_code == 404
