"""Order-free digests of rows in ClickHouse: sums of two hashes over every column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def sums(columns: Mapping[str, str]) -> str:
    """SELECT of the number of rows and two sums, each modulo 2**64. `columns`: name -> type."""
    hashed = ", ".join(map(_hashable, columns, columns.values()))
    return f"SELECT count(), sum(cityHash64({hashed})), sum(xxh3({hashed}))"


def in_hex(row: Sequence[int]) -> str:
    """The two sums of such a row."""
    return "".join(f"{part:016x}" for part in row[1:])


def _hashable(name: str, kind: str) -> str:
    # A hash over NULL is NULL, and a sum passes over it.
    return f"isNull({name}), ifNull({name}, 0)" if kind.startswith("Nullable") else name
