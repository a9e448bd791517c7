"""The OpenAPI document: commands' schemas and problems, which no route's signature shows."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from pydantic.json_schema import models_json_schema

from api.answer_schemas import Problem
from api.command_schemas import DEFINITIONS, REF
from api.document_schemas import body_schemas

TITLE = "Backstock"
ASSETS = "/docs-assets"
VERSION = version("backstock")
DESCRIPTION = """An event-sourced inventory ledger.

* **Commands** change something, once: each has a key, and the same key and body, sent again, gets
  the same answer. A refusal is an answer too.
* **Reads** say in `as_of` which ledger position they are true for. Pass a command's token as
  `min_position`, and a read waits (up to 5 seconds) until it shows that command's effect.
* **Errors** are RFC 9457 problems; match on `code`.
"""
TAGS = [
    {"name": "commands", "description": "Change something, once per key."},
    {"name": "items", "description": "What is kept."},
    {"name": "stock", "description": "How much of it is where, and can be promised."},
    {"name": "lots", "description": "Where a lot or serial is, and how it came and went."},
    {"name": "orders", "description": "What customers were promised and sent."},
    {"name": "supply", "description": "What is bought, and what changes its place."},
    {"name": "ledger", "description": "What the business wants to hold in it."},
    {"name": "movements", "description": "Everything that happened to stock."},
    {"name": "analytics", "description": "Sums over movements."},
    {"name": "webhooks", "description": "What others report, signed."},
    {"name": "read models", "description": "How far behind the log each of them is."},
    {"name": "operation", "description": "Health and metrics, for those who run it."},
]


def add_documentation(app: FastAPI) -> None:
    """Serve /docs with assets out of a package: it works without a network."""
    app.mount(ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]))

    async def docs() -> Response:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=TITLE,
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS}/favicon.png",
        )

    app.add_api_route("/docs", docs, include_in_schema=False)


def describer(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """A replacement for `app.openapi`; the document is made once, when first asked for."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    return describe


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        tags=app.openapi_tags,
        routes=app.routes,
    )
    _, problem = models_json_schema([(Problem, "serialization")], ref_template=REF)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= DEFINITIONS | problem["$defs"] | body_schemas()
    # FastAPI's own 422 is never sent: every error here is a Problem.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document
