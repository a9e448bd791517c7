"""What a handler is: which streams a command reads, how it is decided, what its answer tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from commands.answers import Result
from commands.view import CommandView
from domain.refusals import Refusal
from domain.streams import item_stream, location_stream, stock_stream
from domain.values import Facts, Occasion

Decide = Callable[[Any, CommandView, Occasion], Facts | Refusal]
Streams = Callable[[Any, CommandView], Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """`main` names the stream that expected_version is about and whose version the answer gives;
    `result` is what an accepted answer tells, read from the view after the facts.
    """

    main: Callable[[Any], str]
    streams: Streams
    decide: Decide
    result: Callable[[Any, CommandView], Result]


def shelf_streams(sku: str, place: str) -> Iterable[str]:
    """All that decisions on one SKU at one location see."""
    return stock_stream(sku, place), item_stream(sku), location_stream(place)
