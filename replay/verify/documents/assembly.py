"""An independent fold of assemblies: kits put together, or taken apart."""

from __future__ import annotations

from typing import Any

from replay.verify.documents.fold import Data, DocumentKind
from replay.verify.rows import EventRow


class AssemblyDocument:
    def __init__(self, assembly_id: str) -> None:
        self._assembly_id = assembly_id
        self._direction = ""
        self._data: Data = {}

    def apply(self, row: EventRow, data: Data) -> None:
        together = row.type == "assembly.assembled.v1"
        self._direction = "assembled" if together else "disassembled"
        self._data = {
            "sku": data["sku"],
            "location": data["location"],
            "quantity": data["quantity"],
            "parts": [{"sku": part["sku"], "quantity": part["quantity"]} for part in data["parts"]],
        }

    def status(self) -> str:
        return self._direction

    def refs(self) -> list[str]:
        parts = [f"component:{part['sku']}" for part in self._data["parts"]]
        return [f"sku:{self._data['sku']}", f"location:{self._data['location']}", *parts]

    def body(self) -> dict[str, Any]:
        return {
            "assembly_id": self._assembly_id,
            "direction": self._direction,
            **self._data,
        }


KIND = DocumentKind(
    types=("assembly.assembled.v1", "assembly.disassembled.v1"),
    begin=AssemblyDocument,
    names=("assembly_id",),
)
