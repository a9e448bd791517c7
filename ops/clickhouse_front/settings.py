"""Which URL arguments are ClickHouse settings, and the SET statement that applies them."""

import re
from collections.abc import Mapping

from ops.clickhouse_front.errors import Code, refusal

# What the HTTP protocol itself consumes: the engine would refuse these, or has no use for them.
TRANSPORT = frozenset(
    {
        "buffer_size",
        "client_protocol_version",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "user",
        "wait_end_of_query",
    }
)

# As a server has it: the local engine would take `1` for `SELECT 1`.
BASELINE = {"implicit_select": "0"}

DEFAULT = "DEFAULT"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


def quoted(value: str) -> str:
    """A string literal. Settings of every type take one, and only some take a bare number."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def resting(name: str) -> str:
    """The literal that takes a setting back to what a new handle has."""
    return quoted(BASELINE[name]) if name in BASELINE else DEFAULT


def engine_settings(arguments: Mapping[str, str]) -> dict[str, str]:
    """The arguments that are settings. Raises StatementError for a name that cannot be one."""
    chosen = {}
    for name, value in arguments.items():
        if name in TRANSPORT or name.startswith("param_"):
            continue
        if not _NAME.fullmatch(name):
            raise refusal(Code.BAD_ARGUMENTS, f"{name!r} is no setting: use letters, digits and _")
        chosen[name] = value
    return chosen


def set_statement(literals: Mapping[str, str]) -> str:
    """One SET for all: the engine applies every one of them or none."""
    return "SET " + ", ".join(f"{name} = {literal}" for name, literal in literals.items())
