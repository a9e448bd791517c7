"""The OpenAPI document is complete: whoever reads it needs nothing else."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter

from api.command_bodies import read_bulk_quickly, read_command
from api.command_schemas import BULK_BODY
from api.problems import PROBLEMS
from commands.messages import COMMAND_TYPES
from tests.unit.api.application import application

METHODS = {"get", "post"}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return application()


@pytest.fixture(scope="module")
def document(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert method in METHODS
            found[f"{method} {path}"] = operation
    return found


def test_every_operation_has_a_name_of_its_own_a_tag_and_words(
    operations: dict[str, dict[str, Any]],
) -> None:
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    for where, operation in operations.items():
        assert operation["summary"], where
        assert operation["description"], where
        assert len(operation["tags"]) == 1, where


def test_every_tag_is_described(
    document: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    used = {tag for operation in operations.values() for tag in operation["tags"]}
    assert used == {tag["name"] for tag in document["tags"]}


def test_every_operation_on_a_tenant_wants_a_key_and_a_scope(
    operations: dict[str, dict[str, Any]],
) -> None:
    for where, operation in operations.items():
        if "/v1/" not in where or "/v1/webhooks/" in where:
            assert "security" not in operation, where
            continue
        scopes = ["inventory:write" if "post /v1/commands" in where else "inventory:read"]
        if "/v1/ship-to" in where:
            scopes.append("personal:read")
        assert operation["security"] == [{"Bearer": scopes}, {"ApiKey": scopes}], where
        assert {"401", "403", "503"} <= set(operation["responses"]), where


def test_every_problem_is_described_as_one(operations: dict[str, dict[str, Any]]) -> None:
    for where, operation in operations.items():
        for status, response in operation["responses"].items():
            if int(status) >= 400 and "/v1/" in where:
                (content,) = response["content"]
                assert content == "application/problem+json", (where, status)
    statuses = {str(kind.status) for kind in PROBLEMS.values()}
    documented = {status for each in operations.values() for status in each["responses"]}
    # Of a line in a bulk, of a wrong method, of a slow body, and of faults nobody plans for.
    assert statuses - documented == {"405", "408", "424", "500"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(document["components"]["schemas"])


def test_every_example_is_taken(operations: dict[str, dict[str, Any]]) -> None:
    for kind in COMMAND_TYPES:
        body = operations[f"post /v1/commands/{kind}"]["requestBody"]["content"]
        example = json.dumps(body["application/json"]["example"]).encode()
        assert read_command(example, kind, key="k-1", version=None).type_name == kind
    bulk = BULK_BODY["requestBody"]["content"]["application/json"]["example"]
    assert read_bulk_quickly(json.dumps(bulk).encode()) is not None


def test_the_document_is_sound_json(document: dict[str, Any]) -> None:
    TypeAdapter(dict[str, Any]).validate_python(json.loads(json.dumps(document)))
    assert document["openapi"].startswith("3.1")
