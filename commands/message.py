"""What every command has, and what makes two commands the same one."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Annotated, ClassVar, cast

from pydantic import BaseModel, ConfigDict, Field

from commands.fields import Instant, Key, LedgerName, Version


class Message(BaseModel):
    """A request to change one ledger. Immutable; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    type_name: ClassVar[str]

    key: Annotated[
        Key,
        Field(
            description="Your name for this request, unique in the ledger for ever: 1 to 200 "
            "printable ASCII characters. The same key and body gets the same answer and has one "
            "effect; the same key with another body is refused."
        ),
    ]
    ledger: Annotated[LedgerName, Field(description="The ledger's short name.")] = "main"
    occurred_at: Annotated[
        Instant | None,
        Field(
            description="When it happened, with offset; at most 5 minutes ahead of the ledger's "
            "clock. Left out: the instant it is recorded."
        ),
    ] = None
    expected_version: Annotated[
        Version | None,
        Field(description="Refuse the command unless its main stream is at this version."),
    ] = None

    def estimated_events(self) -> int:
        """About how many events it leads to; sizes batches and queues, limits nothing."""
        return 1

    def body(self) -> str:
        """What two sendings of one key must agree on: everything but the key, no defaults."""
        return self.model_dump_json(exclude={"key"}, exclude_defaults=True)


def has_field(named: object, name: str) -> bool:
    """Whether a command, or a line of one, has a field. Asked itself for one that it lacks, a model
    takes some two microseconds to say so.
    """
    return name in _fields_of(cast("type[BaseModel]", type(named)))


@cache
def _fields_of(kind: type[BaseModel]) -> frozenset[str]:
    return frozenset(getattr(kind, "model_fields", ()))


def body_hash(command: Message) -> bytes:
    """SHA-256 over the command's type and body."""
    return sha256(f"{command.type_name}\0{command.body()}".encode()).digest()
