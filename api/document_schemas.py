"""The bodies of documents in the OpenAPI document: a schema for each kind, from its own type."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from projections.documents.kinds import KINDS

JSON = "application/json"
PLACE = "#/components/schemas/"
Schema = dict[str, Any]


def body_schemas() -> Schema:
    """Component name -> schema: `<Kind>Body`, and `<Kind>Body<Part>` for what it is made of."""
    found: Schema = {}
    for name, kind in KINDS.items():
        template = f"{PLACE}{_component(name)}{{model}}"
        schema = TypeAdapter(kind.state).json_schema(mode="serialization", ref_template=template)
        parts = schema.pop("$defs", {})
        found[_component(name)] = schema
        found |= {f"{_component(name)}{part}": each for part, each in parts.items()}
    return found


def of_one(kind: str) -> Schema:
    """What a response adds to `DocumentAnswer`."""
    return _content({"properties": {"document": _with_body(kind)}})


def of_list(kind: str) -> Schema:
    """What a response adds to `DocumentPage`."""
    return _content({"properties": {"documents": {"items": _with_body(kind)}}})


def _with_body(kind: str) -> Schema:
    return {"properties": {"body": {"$ref": f"{PLACE}{_component(kind)}"}}}


def _content(schema: Schema) -> Schema:
    return {"content": {JSON: {"schema": schema}}}


def _component(kind: str) -> str:
    return f"{kind.title()}Body"
