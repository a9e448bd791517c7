"""From the bytes of a request to commands, and to everything that is wrong with them at once.

The fast way is one pass of the validator over the raw bytes. Only a body with something wrong in
it, or something that looks so, is read the careful way, command by command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from api.problems import FieldError, Problem, invalid
from api.strict_json import (
    FLAWS_MAX,
    Document,
    MalformedJsonError,
    examine,
    is_plain,
    pointer,
    read,
)
from commands.complaints import complaints
from commands.fields import Key
from commands.messages import COMMAND, Command
from commands.submission import Mode

BULK_LINES_MAX = 10_000
KEY: TypeAdapter[str] = TypeAdapter(Key)
MODES: tuple[Mode, ...] = ("independent", "atomic")
OBJECT = "write an object with named fields"


class _Bulk(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    mode: Literal["independent", "atomic"] = "independent"
    commands: Annotated[list[Command], Field(min_length=1, max_length=BULK_LINES_MAX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongLine:
    """A line that is no command; `key` is its key when at least that can be read."""

    key: str | None
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """`commands` has None where `wrong` says, by index, what is wrong with the line."""

    mode: Mode
    commands: Sequence[Command | None]
    wrong: Mapping[int, WrongLine] = field(default_factory=dict)


def read_bulk_quickly(body: bytes) -> Bulk | None:
    """None when the body has to be read carefully."""
    try:
        bulk = _Bulk.model_validate_json(body)
    except ValidationError:
        return None
    members = len(bulk.model_fields_set) + sum(map(_members, bulk.commands))
    return Bulk(mode=bulk.mode, commands=bulk.commands) if is_plain(body, members) else None


def read_bulk_carefully(body: bytes) -> Bulk:
    """Takes some ten times as long: call it in a thread. Raises Problem when the body as a whole
    cannot be taken.
    """
    document = _document(examine, body)
    by_line: dict[int, list[FieldError]] = {}
    whole: list[FieldError] = []
    for flaw in document.flaws:
        error = FieldError(pointer=pointer(flaw.path), detail=flaw.detail)
        match flaw.path:
            case ("commands", int(index), *_):
                by_line.setdefault(index, []).append(error)
            case _:
                whole.append(error)
    mode, given = _envelope(document.value, whole)
    commands: list[Command | None] = []
    wrong: dict[int, WrongLine] = {}
    for index, line in enumerate(given):
        command, errors = _validated(line, by_line.get(index, []), f"/commands/{index}")
        commands.append(command)
        if command is None:
            wrong[index] = WrongLine(key=_key(line), errors=tuple(errors))
    # Of a document with more flaws than were noted, no line can be told to be sound.
    if whole or len(document.flaws) == FLAWS_MAX or (wrong and mode == "atomic"):
        errors = [error for line in wrong.values() for error in line.errors]
        raise invalid("Some fields are wrong; nothing was written.", *whole, *errors)
    return Bulk(mode=mode, commands=commands, wrong=wrong)


def read_command(body: bytes, type_name: str, *, key: str | None, version: int | None) -> Command:
    """One command of a type. `key` and `version` come from headers. Raises Problem."""
    document = _document(read, body)
    flaws = [FieldError(pointer=pointer(each.path), detail=each.detail) for each in document.flaws]
    if not isinstance(document.value, dict):
        raise invalid("The body is not a command.", *flaws, FieldError(pointer="", detail=OBJECT))
    given: dict[str, object] = document.value
    command = {"type": type_name, "expected_version": version, **given}
    command["key"] = _one_key(given.get("key"), key)
    if command["type"] != type_name:
        detail = f"this address takes {type_name}: leave type out"
        flaws.append(FieldError(pointer="/type", detail=detail))
    if version is not None and command["expected_version"] != version:
        detail = "If-Match names another version: give one of the two"
        flaws.append(FieldError(pointer="/expected_version", detail=detail))
    found, errors = _validated(command | {"type": type_name}, flaws, "")
    if found is None:
        raise invalid("Some fields of the command are wrong.", *errors)
    return found


def _one_key(in_body: object, in_header: str | None) -> object:
    if in_body is None and in_header is None:
        raise Problem(
            "key_missing",
            "Send the header Idempotency-Key: then the command can be sent again safely.",
            errors=[FieldError(pointer="header/Idempotency-Key", detail="this header is required")],
        )
    if None not in (in_body, in_header) and in_body != in_header:
        raise Problem("key_mismatch", "Give the key in the header Idempotency-Key or in the body.")
    return in_header if in_body is None else in_body


def _envelope(document: object, whole: list[FieldError]) -> tuple[Mode, list[object]]:
    """The bulk's mode and lines; adds to `whole` what is wrong around the lines."""
    if not isinstance(document, dict):
        whole.append(FieldError(pointer="", detail=OBJECT))
        return "independent", []
    mode = document.get("mode", "independent")
    if mode not in MODES:
        whole.append(FieldError(pointer="/mode", detail=f"write one of {' or '.join(MODES)}"))
    whole += [
        FieldError(pointer=pointer((name,)), detail="there is no such field here: leave it out")
        for name in document
        if name not in _Bulk.model_fields
    ]
    lines = document.get("commands")
    if isinstance(lines, list) and 1 <= len(lines) <= BULK_LINES_MAX:
        return mode, lines
    detail = f"give a list of 1 to {BULK_LINES_MAX} commands"
    whole.append(FieldError(pointer="/commands", detail=detail))
    return mode, []


def _validated(
    given: object, flaws: Sequence[FieldError], prefix: str
) -> tuple[Command | None, list[FieldError]]:
    """The command, or None and everything that is wrong with it, pointers below `prefix`."""
    errors = list(flaws)
    try:
        command = COMMAND.validate_python(given)
    except ValidationError as error:
        told = {each.pointer for each in flaws}
        found = [
            FieldError(pointer=prefix + each.pointer, detail=each.detail)
            for each in complaints(error)
        ]
        errors += [each for each in found if each.pointer not in told]
        command = None
    return (None if errors else command), errors


def _key(line: object) -> str | None:
    """A wrong line's key, if that at least is sound."""
    try:
        return KEY.validate_python(line["key"] if isinstance(line, dict) else None)
    except (KeyError, ValidationError):
        return None


def _document(reader: Callable[[bytes], Document], body: bytes) -> Document:
    try:
        return reader(body)
    except MalformedJsonError as wrong:
        raise Problem("malformed_json", wrong.detail) from None


def _members(model: BaseModel) -> int:
    """How many members the model's JSON had, if each name stood there once."""
    count = len(model.model_fields_set)
    for name in model.model_fields_set:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            count += _members(value)
        elif type(value) is dict:
            count += len(value)
        elif type(value) is tuple:
            count += sum(_members(each) for each in value if isinstance(each, BaseModel))
    return count
