"""Makes the constructor of a frozen dataclass cheap, for the values of which every command makes
dozens.

A frozen dataclass sets each of its fields through `object.__setattr__`, which looks the field up by
its name; setting it through the slot itself takes half the time. Nothing else changes: the value
stays frozen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

Value = TypeVar("Value")


def made_often(value: type[Value]) -> type[Value]:
    """Goes above `@dataclass(frozen=True, slots=True, kw_only=True)`."""
    known: dict[str, Any] = {"_missing": MISSING}
    given, body = [], []
    for field in fields(value):  # type: ignore[arg-type] # a dataclass, as said
        name = field.name
        known[f"_set_{name}"] = getattr(value, name).__set__
        known[f"_default_{name}"] = field.default
        known[f"_new_{name}"] = field.default_factory
        taken = name
        if field.default_factory is not MISSING:
            taken = f"_new_{name}() if {name} is _missing else {name}"
        needed = field.default is MISSING and field.default_factory is MISSING
        given.append(name if needed else f"{name}=_default_{name}")
        body.append(f"    _set_{name}(self, {taken})")
    exec(f"def __init__(self, *, {', '.join(given)}):\n" + "\n".join(body), known)  # noqa: S102
    init: Callable[..., None] = known["__init__"]
    init.__qualname__ = f"{value.__qualname__}.__init__"
    value.__init__ = init  # type: ignore[method-assign]
    return value
