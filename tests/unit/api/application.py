"""The application without its stores: enough to describe it, too little to serve anything."""

from datetime import UTC, datetime
from typing import Any, cast

from fastapi import FastAPI

from api.app import create_app
from api.deps import ApiSettings, Deps
from api.metrics import Metrics
from api.positions import Positions
from api.read_side import ReadSide
from api.sealing import Sealer


def application(**settings: Any) -> FastAPI:
    """The app as `create_app` makes it."""
    nothing = cast("Any", None)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    positions = Positions(sealer=Sealer(b"secret"), epoch=1)
    deps = Deps(
        settings=ApiSettings(signing_secret=b"secret", personal_secret=b"secret", **settings),
        clock=lambda: now,
        keys=nothing,
        write_side=nothing,
        read_side=ReadSide(
            nothing,
            availability=nothing,
            clickhouse=nothing,
            positions=positions,
            opening=nothing,
            clock=lambda: now,
            monotonic=lambda: 0.0,
        ),
        webhooks=nothing,
        metrics=Metrics(),
        parts=(),
        close=lambda: None,
    )
    return create_app(deps)
