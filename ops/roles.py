"""Our own processes in the embedded stack: what is done before they start, which they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ops.settings import Settings
from ops.stack.clickhouse import ClickHousePart
from ops.stack.directory import DataDirectory
from ops.stack.health import answers_http
from ops.stack.kafka import KafkaPart
from ops.stack.parts import Part
from ops.stack.ports import LOOPBACK
from ops.stack.postgres import PostgresPart
from ops.stack.redis import RedisPart
from ops.stack.role import Role, backstock, role_environment
from ops.stack.supervisor import Composition
from ops.stores import Stores

PROJECTIONS = ("stock_levels", "orders", "documents", "availability", "movements")
# The same at each start, so that a process takes over at once what its predecessor held.
NAME = "embedded"


def composition(settings: Settings) -> Composition:
    """Return the whole embedded stack: parts, migrations, roles."""
    return Composition(
        parts=(PostgresPart(), KafkaPart(), RedisPart(), ClickHousePart()),
        external=settings.external_addresses(),
        migrate=migrate,
        roles=roles,
        facts=facts,
    )


def migrate(addresses: Mapping[str, str], directory: DataDirectory) -> None:
    """Bring the stores to the state that the roles expect. Runs when every part is ready."""
    from ops.processes.preparation import prepare_stores

    prepare_stores(_stores(addresses, directory))


def roles(addresses: Mapping[str, str], directory: DataDirectory) -> Sequence[Part]:
    """Return the roles to start; see ops.stack.role.Role."""
    environment = role_environment(addresses, directory)
    port = directory.port("api")
    api = Role(
        name="api",
        argv=backstock("api", "--host", LOOPBACK, "--port", str(port)),
        environment=environment,
        is_ready=answers_http("api", "/livez"),
        address=f"http://{LOOPBACK}:{port}",
    )
    relay = Role(name="relay", argv=backstock("relay", "--name", NAME), environment=environment)
    projectors = (
        Role(
            name=name,
            argv=backstock("project", name, "--name", NAME),
            environment=environment,
        )
        for name in PROJECTIONS
    )
    processes = Role(
        name="processes", argv=backstock("processes", "--name", NAME), environment=environment
    )
    metrics = directory.port("verifier")
    verifier = Role(
        name="verifier",
        argv=backstock("verifier", "--port", str(metrics)),
        environment=environment,
        is_ready=answers_http("verifier", "/metrics"),
        address=f"http://{LOOPBACK}:{metrics}",
    )
    return (api, relay, *projectors, processes, verifier)


def facts(addresses: Mapping[str, str], directory: DataDirectory) -> Mapping[str, Any]:
    """Return what callers of `backstock up` learn beside the parts' addresses: api, api_key, and
    where the verifier's metrics are.
    """
    from ops.processes.preparation import first_access

    url = f"http://{LOOPBACK}:{directory.remembered_port('api')}"
    metrics = f"http://{LOOPBACK}:{directory.remembered_port('verifier')}/metrics"
    return {"api": url, "verifier": metrics, **first_access(_stores(addresses, directory))}


def details(addresses: Mapping[str, str], directory: DataDirectory) -> Mapping[str, Any]:
    """Return what `backstock status` adds to a role, by its name: position, lag."""
    from ops.processes.standing import standing

    return standing(_stores(addresses, directory))


def _stores(addresses: Mapping[str, str], directory: DataDirectory) -> Stores:
    return Stores(settings=Settings(data=directory.root), directory=directory, addresses=addresses)
