"""The HTTP API as a process."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import uvicorn

from api.app import create_app
from api.assembly import Addresses, assemble
from api.deps import ApiSettings
from api.operator_routes import PartCheck
from eventlog.kafka.topics import refuse_silent
from migrations.runner import refuse_unmigrated
from ops.processes.lifecycle import calm_collector, log_to_stderr
from ops.replay_mounting import replays_in
from ops.stores import Stores

# An open stream would otherwise keep a server from stopping for ever.
GRACEFUL_SECONDS_MAX = 8
CONCURRENT_REQUESTS_MAX = 1_000
WAITING_CONNECTIONS_MAX = 1_024


def run(stores: Stores, *, host: str, port: int) -> None:
    """Serve until told to stop; what was taken is answered first."""
    log_to_stderr()
    deps = assemble(
        Addresses(
            log_dsn=stores.log_dsn,
            read_dsn=stores.read_dsn,
            redis_url=stores.redis_url,
            clickhouse_url=stores.clickhouse_url,
        ),
        settings_of(stores),
        clock=lambda: datetime.now(UTC),
        checks=checks_of(stores),
    )
    app = create_app(deps)
    with replays_in(app, deps.keys, stores):
        calm_collector()
        uvicorn.run(
            app,
            host=host,
            port=port,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=GRACEFUL_SECONDS_MAX,
            limit_concurrency=CONCURRENT_REQUESTS_MAX,
            backlog=WAITING_CONNECTIONS_MAX,
        )


def settings_of(stores: Stores) -> ApiSettings:
    """What the API is told beside the addresses."""
    token = stores.settings.metrics_token
    return ApiSettings(
        signing_secret=stores.api_signing_secret,
        personal_secret=stores.personal_secret,
        metrics_token=token.get_secret_value() if token else None,
        console=True,
    )


def checks_of(stores: Stores) -> tuple[PartCheck, ...]:
    """What /readyz asks beside the stores that the API itself uses."""
    return (
        PartCheck(
            name="migrations", required=True, check=partial(refuse_unmigrated, stores.read_dsn)
        ),
        # Commands are taken and read models answer without it; they only no longer move on fast.
        PartCheck(
            name="kafka", required=False, check=partial(refuse_silent, stores.kafka_bootstrap)
        ),
    )
