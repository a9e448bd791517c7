"""The approved file: commands as JSON lines, each checked before the first is sent."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from commands.complaints import complaints
from commands.messages import COMMAND

COMMANDS_MAX = 100_000


class NotApprovableError(Exception):
    """`line` is 0 for the file as a whole."""

    def __init__(self, path: Path, line: int, why: str) -> None:
        at = f"{path}, line {line}" if line else f"{path}"
        super().__init__(f"{at}: {why}; nothing was sent")
        self.path = path
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """`digest` is the SHA-256 of the file as it was read."""

    digest: str
    bodies: tuple[dict[str, Any], ...]


def read_approved(path: Path) -> Approved:
    """Every line as it stands. Raises NotApprovableError."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise NotApprovableError(path, 0, str(error)) from error
    bodies: list[dict[str, Any]] = []
    keys: set[tuple[str, str]] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        if len(bodies) == COMMANDS_MAX:
            raise NotApprovableError(path, number, f"more than {COMMANDS_MAX} commands: split it")
        try:
            command = COMMAND.validate_json(line)
        except ValidationError as error:
            wrong = "; ".join(f"{each.pointer} {each.detail}" for each in complaints(error))
            raise NotApprovableError(path, number, wrong) from error
        if (command.ledger, command.key) in keys:
            raise NotApprovableError(path, number, f"key {command.key} stands twice")
        keys.add((command.ledger, command.key))
        bodies.append(orjson.loads(line))
    if not bodies:
        raise NotApprovableError(path, 0, "it holds no command")
    return Approved(digest=sha256(text).hexdigest(), bodies=tuple(bodies))
