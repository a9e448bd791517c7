"""Kind `assembly`: kits that were put together, or taken apart."""

from __future__ import annotations

from collections.abc import Iterator

from domain.assembly import Assembly, evolve
from projections.documents.kind import Kind, one_by_one


def status(assembly: Assembly) -> str:
    """Which of the two it was."""
    return assembly.direction


def refs(assembly: Assembly) -> Iterator[str]:
    """The kit, its parts, and where it was done."""
    yield f"sku:{assembly.sku}"
    yield f"location:{assembly.location}"
    for part in assembly.parts:
        yield f"component:{part.sku}"


ASSEMBLIES = Kind(
    name="assembly",
    types=("assembly.assembled.v1", "assembly.disassembled.v1"),
    state=Assembly,
    fold=one_by_one(evolve),
    status=status,
    refs=refs,
)
