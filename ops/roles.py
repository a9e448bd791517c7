"""Our own processes in the embedded stack: what is done before they start, which they are."""

from collections.abc import Mapping, Sequence
from typing import Any

from ops.settings import Settings
from ops.stack.clickhouse import ClickHousePart
from ops.stack.directory import DataDirectory
from ops.stack.kafka import KafkaPart
from ops.stack.parts import Part
from ops.stack.postgres import PostgresPart
from ops.stack.redis import RedisPart
from ops.stack.supervisor import Composition


def composition(settings: Settings) -> Composition:
    """Return the whole embedded stack: parts, migrations, roles."""
    return Composition(
        parts=(PostgresPart(), KafkaPart(), RedisPart(), ClickHousePart()),
        external=settings.external_addresses(),
        migrate=migrate,
        roles=roles,
        facts=facts,
    )


def migrate(_addresses: Mapping[str, str], _directory: DataDirectory) -> None:
    """Bring the stores to the state that the roles expect. Runs when every part is ready."""


def roles(_addresses: Mapping[str, str], _directory: DataDirectory) -> Sequence[Part]:
    """Return the roles to start; see ops.stack.role.Role."""
    return ()


def facts(_addresses: Mapping[str, str], _directory: DataDirectory) -> Mapping[str, Any]:
    """Return what callers of `backstock up` learn beside the parts' addresses: api, api_key."""
    return {}


def details(_addresses: Mapping[str, str]) -> Mapping[str, Mapping[str, Any]]:
    """Return what `backstock status` adds to a role, by its name: position, lag."""
    return {}
