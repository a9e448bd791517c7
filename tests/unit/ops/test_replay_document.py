"""The operations of replay in the OpenAPI document: complete, for operators, with true examples."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from api.authentication import OPERATE, SCOPES
from ops.replay_mounting import OnDemand, mount
from ops.settings import Settings
from ops.stores import Stores
from replay.route_bodies import PLAN_EXAMPLE, STEP_BODIES, STEP_EXAMPLES, PlanBody
from replay.routes import PREFIX
from tests.unit.api.application import application

EXPECTED = {
    f"post {PREFIX}",
    f"get {PREFIX}",
    *(f"get {PREFIX}/{{replay_id}}{each}" for each in ("", "/diff", "/receipt")),
    *(f"post {PREFIX}/{{replay_id}}/{step}" for step in STEP_BODIES),
}


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    app = application()
    stores = Stores.of(Settings(data=tmp_path))
    mount(app, cast("Any", None), OnDemand(stores, ExitStack()))
    return app.openapi()


@pytest.fixture
def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith(PREFIX)
    }


def test_every_operation_is_for_operators_and_has_words(
    document: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    assert set(operations) == EXPECTED
    assert OPERATE not in SCOPES
    tags = {tag["name"] for tag in document["tags"]}
    for where, operation in operations.items():
        assert operation["security"] == [{"Bearer": [OPERATE]}, {"ApiKey": [OPERATE]}], where
        assert operation["summary"], where
        assert operation["description"], where
        assert set(operation["tags"]) == {"replays"} <= tags, where
        assert {"401", "403", "503"} <= set(operation["responses"]), where
    names = [
        operation["operationId"]
        for each in document["paths"].values()
        for operation in each.values()
    ]
    assert len(set(names)) == len(names)


def test_every_step_answers_202_with_where_to_look(operations: dict[str, dict[str, Any]]) -> None:
    for step in STEP_BODIES:
        responses = operations[f"post {PREFIX}/{{replay_id}}/{step}"]["responses"]
        assert {"202", "404", "409", "422"} <= set(responses)
        assert "200" not in responses
        assert set(responses["202"]["headers"]) == {"Location", "Retry-After"}


def test_the_examples_are_taken_and_stand_in_the_document(
    operations: dict[str, dict[str, Any]],
) -> None:
    PlanBody.model_validate(PLAN_EXAMPLE)
    for step, model in STEP_BODIES.items():
        model.model_validate(STEP_EXAMPLES[step])
        body = operations[f"post {PREFIX}/{{replay_id}}/{step}"]["requestBody"]
        assert body["content"]["application/json"]["example"] == STEP_EXAMPLES[step]
    body = operations[f"post {PREFIX}"]["requestBody"]["content"]["application/json"]
    assert body["example"] == PLAN_EXAMPLE
    assert "tenants" in body["schema"]["properties"]["selection"]["properties"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(document["components"]["schemas"])
    assert "#/$defs/" not in text
