"""What leaves when something breaks inside: a problem, and nothing of the inside."""

from typing import Annotated

import pytest
from fastapi import FastAPI, Query
from fastapi.testclient import TestClient

from api.problems import Problem, add_problem_handlers
from eventlog.log import LogUnavailableError
from eventlog.projection import StoreUnavailableError

app = FastAPI()
add_problem_handlers(app)


@app.get("/fault")
def fault() -> None:
    raise KeyError("password of the store")


@app.get("/outage")
def outage(store: str) -> None:
    if store == "log":
        raise LogUnavailableError("host 10.0.0.7 refused")
    raise StoreUnavailableError(store, OSError("host 10.0.0.7 refused"))


@app.get("/limited")
def limited(limit: Annotated[int, Query(ge=1)]) -> int:
    return limit


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(app, raise_server_exceptions=False)


def test_a_fault_tells_nothing_of_the_inside(client: TestClient) -> None:
    answer = client.get("/fault")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "password" not in answer.text
    assert "KeyError" not in answer.text


@pytest.mark.parametrize(("store", "named"), [("log", "PostgreSQL"), ("Redis", "Redis")])
def test_an_outage_names_the_part_and_when_to_come_again(
    client: TestClient, store: str, named: str
) -> None:
    answer = client.get("/outage", params={"store": store})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["detail"].startswith(named)
    assert answer.headers["Retry-After"] == "1"
    assert "10.0.0.7" not in answer.text


def test_a_wrong_parameter_is_named_and_not_repeated(client: TestClient) -> None:
    answer = client.get("/limited", params={"limit": "4929-1234"})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == ["query/limit"]
    assert "4929" not in answer.text


def test_a_problem_keeps_its_trace_for_the_log() -> None:
    problem = Problem("invalid", "Some fields are wrong.")
    assert str(problem) == "invalid: Some fields are wrong."
