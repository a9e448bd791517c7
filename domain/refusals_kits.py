"""Why a kit was not composed, put together or taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from domain.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAKit(Refusal):
    code: ClassVar[str] = "not_a_kit"
    sku: str
    line: int | None = None
    also: tuple[Refusal, ...] = ()

    def sentence(self) -> str:
        return f"Item {self.sku} is no kit; say with compose_kit what it is made of."


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRepeated(Refusal):
    code: ClassVar[str] = "part_repeated"
    sku: str
    part: str

    def sentence(self) -> str:
        return f"Part {self.part} of kit {self.sku} is named twice; name it once with its sum."


@dataclass(frozen=True, slots=True, kw_only=True)
class KitInItself(Refusal):
    code: ClassVar[str] = "kit_in_itself"
    sku: str

    def sentence(self) -> str:
        return (
            f"Kit {self.sku} would be a part of itself; leave out the part that leads back to it."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KitTooDeep(Refusal):
    code: ClassVar[str] = "kit_too_deep"
    sku: str
    levels_max: int

    def sentence(self) -> str:
        return (
            f"Kit {self.sku} would hold kits in kits over more than {self.levels_max} levels; "
            "name the parts of an inner kit instead."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AssemblyExists(Refusal):
    code: ClassVar[str] = "assembly_exists"
    assembly_id: str

    def sentence(self) -> str:
        return f"Assembly {self.assembly_id} is recorded already; use a new id."
