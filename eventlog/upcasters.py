"""Old event shapes become today's: one small function per step, on raw fields, never stored bytes.

A step takes the fields of `<fact>.v<n>` and returns those of `<fact>.v<n+1>`. It must answer for
every event that was ever stored under its name, so it neither raises nor asks anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Fields = dict[str, Any]
Step = Callable[[Fields], Fields]


def unchanged(fields: Fields) -> Fields:
    """For a version that only added fields with defaults: it reads the older bytes as they are."""
    return fields


STEPS: Mapping[str, Step] = {
    "stock.adjusted.v1": unchanged,
    "order.placed.v1": unchanged,
    "order.shipped.v1": unchanged,
}


def next_version(type_name: str) -> str:
    """From `stock.received.v1` to `stock.received.v2`."""
    fact, _, version = type_name.rpartition(".v")
    return f"{fact}.v{int(version) + 1}"


def stored_names(current: Iterable[str]) -> dict[str, str]:
    """Each of today's type names, and each older one that is upcast to it: stored -> today's."""
    names = {name: name for name in current}
    for older in STEPS:
        newest = older
        while newest in STEPS:
            newest = next_version(newest)
        if newest in names:
            names[older] = newest
    return names


def upcast(type_name: str, fields: Fields, steps: Mapping[str, Step] = STEPS) -> tuple[str, Fields]:
    """Take every step there is from `type_name` on; without one, both come back as they are."""
    while (step := steps.get(type_name)) is not None:
        fields = step(fields)
        type_name = next_version(type_name)
    return type_name, fields
