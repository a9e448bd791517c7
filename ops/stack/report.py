"""What `backstock status` tells about a stack."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil

from ops.stack.directory import DataDirectory
from ops.stack.errors import NotRunningError
from ops.stack.state import StackState, State, UnitState

# What the roles know about themselves (position, lag), by role; gets the parts' addresses.
Details = Callable[[Mapping[str, str], DataDirectory], Mapping[str, Mapping[str, Any]]]


def stack_report(directory: DataDirectory, details: Details) -> dict[str, Any]:
    """Return the stack's parts and roles as they are now, without passwords.

    {"running", "phase", "data", "supervisor", "parts": [{"name", "kind", "pid", "state",
    "address", "restarts", "since", "uptime_seconds", "memory_bytes", …details}]}
    """
    try:
        state = StackState.running(directory)
    except NotRunningError:
        return {"running": False, "phase": "stopped", "data": str(directory.root), "parts": []}
    known = details(state.addresses, directory)
    return {
        "running": True,
        "phase": state.phase,
        "data": str(directory.root),
        "supervisor": state.supervisor.pid,
        "started_in_seconds": state.started_in_seconds,
        "parts": [_unit(unit) | dict(known.get(unit.name, {})) for unit in state.units],
    }


def _unit(unit: UnitState) -> dict[str, Any]:
    uptime = datetime.now(UTC) - datetime.fromisoformat(unit.since)
    return {
        "name": unit.name,
        "kind": unit.kind,
        "pid": unit.pid,
        "state": unit.state,
        "address": without_password(unit.address or ""),
        "restarts": unit.restarts,
        "since": unit.since,
        "uptime_seconds": round(uptime.total_seconds(), 1) if unit.state is State.READY else None,
        "memory_bytes": _memory(unit.pid) if unit.pid else None,
    }


def _memory(pid: int) -> int | None:
    """Return the proportional share of memory of a process and its children, None when unknown."""
    try:
        leader = psutil.Process(pid)
        family = (leader, *leader.children(recursive=True))
        return sum(getattr(each.memory_full_info(), "pss", 0) for each in family)
    except psutil.Error:
        return None


def without_password(address: str) -> str:
    """Return a URL with its password starred out; anything else as it is."""
    url = urlsplit(address)
    if url.password is None:
        return address
    user = f"{url.username}:***@"
    return urlunsplit(url._replace(netloc=user + url.netloc.rpartition("@")[2]))
