"""What a piece of code says, as one text: its own source, and that of what it reaches by name.

Comments, docstrings and layout are no part of it. Two texts are equal when the code has the same
meaning, as far as its source and the values of its constants show it.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache, partial
from types import BuiltinMethodType, FunctionType, ModuleType
from typing import Any, TypeGuard, get_origin

import msgspec

Constant = str | bytes | int | float | datetime | timedelta | None
_Sourced = FunctionType | type | ModuleType


@cache
def text_of(code: object, within: tuple[str, ...], *, is_named: bool = True) -> str:
    """With every function, class and constant that it names, and those that they name.

    `code`: a function, partial, class, module, or a `msgspec` decoder's `decode`. Followed only
    into modules whose names begin with one of `within`; the rest is there by name. Not `is_named`:
    the function's own name says nothing.
    """
    return "\n".join(_said(code, within, set(), is_named=is_named))


def _said(
    value: object, within: tuple[str, ...], seen: set[int], *, is_named: bool = True
) -> Iterator[str]:
    if isinstance(value, Constant):
        yield ascii(value)
    elif isinstance(value, partial):
        for part in (value.func, *value.args, *value.keywords.values()):
            yield from _said(part, within, seen)
    elif isinstance(value, BuiltinMethodType) and isinstance(value.__self__, msgspec.json.Decoder):
        yield f"decoder, strict: {value.__self__.strict}"
        yield from _said(value.__self__.type, within, seen)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _said(each, within, seen)
    elif isinstance(value, set | frozenset):
        yield from sorted("\n".join(_said(each, within, seen)) for each in value)
    elif isinstance(value, Mapping):
        # Others hold rules and decoders: whoever looks one of them up is told which it was.
        if all(isinstance(part, Constant) for part in value.values()):
            yield ascii(sorted(value.items()))
    elif get_origin(value) is not None:
        yield ascii(value)
    elif _is_sourced(value, within):
        if id(value) not in seen:
            seen.add(id(value))
            tree = _tree(value, is_named=is_named)
            yield _dumped(tree)
            for name, reached in _reached(value, tree):
                yield name
                yield from _said(reached, within, seen)
    else:
        yield _name(value)


def _is_sourced(value: object, within: tuple[str, ...]) -> TypeGuard[_Sourced]:
    if isinstance(value, ModuleType):
        module = value.__name__
    elif isinstance(value, FunctionType | type):
        module = value.__module__
    else:
        return False
    return any(f"{module}.".startswith(f"{package}.") for package in within)


def _reached(value: _Sourced, tree: ast.AST) -> Iterator[tuple[str, object]]:
    """What the names in it mean where it was written; of a module, those that it imports."""
    if isinstance(value, ModuleType):
        names = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        known = vars(value)
    else:
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        known = dict(vars(sys.modules[value.__module__]))
        if isinstance(value, FunctionType):
            inner = inspect.unwrap(value)
            known |= inspect.getclosurevars(inner).nonlocals
    for name in sorted(names & known.keys()):
        yield name, known[name]


def _tree(code: _Sourced, *, is_named: bool = True) -> ast.Module:
    source = inspect.getsource(code)
    tree = ast.parse(textwrap.dedent(source))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
            ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    first = tree.body[0] if tree.body else None
    if not is_named and isinstance(first, ast.FunctionDef):
        first.name = "_"
    return tree


def _dumped(part: object) -> str:
    """As `ast.dump`, but the same under every version of Python.

    Each version adds fields that older code leaves empty, and empty ones may be shown or not;
    which characters `repr` escapes goes by the version's Unicode tables.
    """
    if isinstance(part, ast.AST):
        fields = [(name, getattr(part, name, None)) for name in part._fields]
        said = [f"{name}={_dumped(value)}" for name, value in fields if value not in (None, [])]
        return f"{type(part).__name__}({', '.join(said)})"
    if isinstance(part, list):
        return f"[{', '.join(map(_dumped, part))}]"
    return ascii(part)


def _name(value: Any) -> str:  # noqa: ANN401 - whatever a name means
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', named)}"
