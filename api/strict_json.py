"""JSON as this API takes it: nothing that two readers could understand differently.

Refused beyond RFC 8259: duplicate member names, NaN and Infinity, whole numbers beyond 64 bits,
NUL and lone surrogates in text, more than DEPTH_MAX levels.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import isinf

from pydantic_core import from_json

DEPTH_MAX = 32
FLAWS_MAX = 1_000  # Whoever meets this many must not take any part of the document for sound.
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
INT64_DIGITS_MAX = 20
GAPS_BEFORE_COLON = (b" :", b"\t:", b"\n:", b"\r:")


class MalformedJsonError(Exception):
    """The bytes are no JSON text at all; `detail` says where reading ended."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Something JSON allows and this API does not. `path` leads to it from the document's root."""

    path: tuple[str | int, ...]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was read; `flaws` are the first FLAWS_MAX there are.

    In place of a refused number, `value` holds something that fits no field.
    """

    value: object
    flaws: tuple[Flaw, ...] = ()


class _Refused:
    """Stands in a document for a number that was refused."""

    __slots__ = ("detail",)

    def __init__(self, detail: str) -> None:
        self.detail = detail


class _Doubled(dict[str, object]):
    """An object some of whose members stand twice."""

    names: tuple[str, ...] = ()


def pointer(path: tuple[str | int, ...]) -> str:
    """The JSON pointer (RFC 6901) of a path."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def read(body: bytes) -> Document:
    """Read a body of any shape. Raises MalformedJsonError."""
    try:
        value = from_json(body, allow_inf_nan=False)
        if is_plain(body, _members(value, 0)):
            return Document(value=value)
    except ValueError:
        pass  # Whatever it is, the careful reader says it better.
    return examine(body)


def is_plain(body: bytes, members: int) -> bool:
    """Whether a body that a fast reader took, finding so many members, can have no flaw.

    A fast reader keeps the last of two members of one name, so no flaw means: as many names as
    members. Every name ends in `":`. Text that looks like one only costs a careful look.
    """
    if body.count(b'":') != members or b"\\u0000" in body:
        return False
    return not any(gap in body for gap in GAPS_BEFORE_COLON)


def _members(value: object, depth: int) -> int:
    """How many members all objects in it have. Raises ValueError for a flaw that it meets."""
    if depth > DEPTH_MAX:
        raise ValueError
    match value:
        case dict():
            return len(value) + sum(_members(each, depth + 1) for each in value.values())
        case list():
            return sum(_members(each, depth + 1) for each in value)
        case int() if not INT64_MIN <= value <= INT64_MAX:
            raise ValueError
        case float() if isinf(value):
            raise ValueError
        case _:
            return 0


def examine(body: bytes) -> Document:
    """Read carefully, noting every flaw. Raises MalformedJsonError."""
    value = _parsed(_text(body))
    flaws = tuple(islice(_flaws(value, ()), FLAWS_MAX))
    return Document(value=value, flaws=flaws)


def _text(body: bytes) -> str:
    if not body:
        raise MalformedJsonError("the body is empty; send a JSON document")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise MalformedJsonError(
            f"the body is not UTF-8: byte {wrong.start} does not fit; send JSON as UTF-8"
        ) from None
    if text.startswith("\ufeff"):
        raise MalformedJsonError("the body starts with a byte-order mark; leave it out")
    return text


def _parsed(text: str) -> object:
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=lambda name: _Refused(f"{name} is not a number of JSON"),
            parse_int=_whole,
            parse_float=_fraction,
        )
    except json.JSONDecodeError as wrong:
        where = f"line {wrong.lineno}, column {wrong.colno}"
        ended = " (it ends too early)" if wrong.pos >= len(text.rstrip()) else ""
        raise MalformedJsonError(f"{wrong.msg} at {where}{ended}") from None
    except RecursionError:
        raise MalformedJsonError(f"nested deeper than {DEPTH_MAX} levels") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    doubled = _Doubled(found)
    times = Counter(name for name, _ in pairs)
    doubled.names = tuple(name for name, count in times.items() if count > 1)
    return doubled


def _whole(digits: str) -> object:
    if len(digits) <= INT64_DIGITS_MAX and INT64_MIN <= (number := int(digits)) <= INT64_MAX:
        return number
    return _Refused("this whole number does not fit into 64 bits")


def _fraction(digits: str) -> object:
    number = float(digits)
    return _Refused("this number is too large") if isinf(number) else number


def _flaws(value: object, path: tuple[str | int, ...]) -> Iterator[Flaw]:
    if len(path) > DEPTH_MAX:
        yield Flaw(path=path, detail=f"nested deeper than {DEPTH_MAX} levels")
        return
    match value:
        case _Refused():
            yield Flaw(path=path, detail=value.detail)
        case str():
            yield from (Flaw(path=path, detail=detail) for detail in _text_flaws(value))
        case list():
            for index, each in enumerate(value):
                yield from _flaws(each, (*path, index))
        case dict():
            if isinstance(value, _Doubled):
                for name in value.names:
                    yield Flaw(path=(*path, name), detail="this member stands twice; keep one")
            for name, each in value.items():
                yield from (
                    Flaw(path=(*path, _printable(name)), detail=f"in the name: {detail}")
                    for detail in _text_flaws(name)
                )
                yield from _flaws(each, (*path, _printable(name)))
        case _:
            return


def _text_flaws(text: str) -> Iterator[str]:
    if "\0" in text:
        yield "the character NUL (\\u0000) is not taken; leave it out"
    if _printable(text) != text:
        yield "half a surrogate pair is no character; write the whole character"


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
