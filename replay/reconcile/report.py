"""What a comparison of Kafka with the store says, per shard and altogether."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["missing", "altered", "out_of_order", "foreign"]
KINDS: tuple[Kind, ...] = ("missing", "altered", "out_of_order", "foreign")
# What follows the first ones is counted only: a topic that was made wrong is wrong everywhere.
DIFFERENCES_KEPT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDifference:
    """`position` is that of the shard; `offset` None where there is no record to point at."""

    kind: Kind
    shard: int
    position: int | None
    offset: int | None
    part: str
    expected: str
    found: str

    def sentence(self) -> str:
        where = f"shard {self.shard}"
        if self.position is not None:
            where += f", position {self.position}"
        if self.offset is not None:
            where += f", offset {self.offset}"
        told = f"{self.part}: " if self.part else ""
        return f"{where}: {self.kind}: {told}expected {self.expected}, found {self.found}"

    def as_dict(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "shard": self.shard,
            "position": self.position,
            "offset": self.offset,
            "part": self.part,
            "expected": self.expected,
            "found": self.found,
            "sentence": self.sentence(),
        }


@dataclass(slots=True, kw_only=True)
class ShardReport:
    """One partition, offsets [`begin`, `end`). `head` is the store's last position.

    `first_position` is the lowest position that is there, None in an empty partition; it is above
    1 in a topic that was `trimmed` by its own retention. `reached` is the last position there is,
    `behind` what the relay has not published yet. `repeats` are records that came again, equal:
    a relay may do so. `hash` is over the hashes of all ranges compared.
    """

    shard: int
    begin: int
    end: int
    head: int
    first_position: int | None = None
    reached: int = 0
    records: int = 0
    repeats: int = 0
    ranges: int = 0
    trimmed: bool = False
    hash: str = ""
    counts: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    differences: list[RecordDifference] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not any(self.counts.values())

    @property
    def behind(self) -> int:
        return max(0, self.head - self.reached)

    @property
    def lacks_only_tail(self) -> bool:
        """Whether all that is wrong is that the end is missing."""
        return (
            self.counts["missing"] > 0
            and sum(self.counts.values()) == self.counts["missing"]
            and all((each.position or 0) > self.reached for each in self.differences)
        )

    def differ(self, difference: RecordDifference, count: int = 1) -> None:
        self.counts[difference.kind] += count
        if len(self.differences) < DIFFERENCES_KEPT:
            self.differences.append(difference)

    def as_dict(self) -> dict[str, object]:
        return {
            "shard": self.shard,
            "ok": self.ok,
            "trimmed": self.trimmed,
            "first_position": self.first_position,
            "reached": self.reached,
            "head": self.head,
            "behind": self.behind,
            "begin_offset": self.begin,
            "end_offset": self.end,
            "records": self.records,
            "repeats": self.repeats,
            "ranges": self.ranges,
            "hash": self.hash,
            **{kind: self.counts[kind] for kind in KINDS},
            "differences": [each.as_dict() for each in self.differences],
        }


@dataclass(slots=True, kw_only=True)
class KafkaReport:
    topic: str
    shards: list[ShardReport]

    @property
    def ok(self) -> bool:
        return all(shard.ok for shard in self.shards)

    @property
    def first_difference(self) -> RecordDifference | None:
        return next((each for shard in self.shards for each in shard.differences), None)

    def total(self, kind: Kind) -> int:
        return sum(shard.counts[kind] for shard in self.shards)

    def as_dict(self) -> dict[str, object]:
        first = self.first_difference
        return {
            "ok": self.ok,
            "topic": self.topic,
            "records": sum(shard.records for shard in self.shards),
            "repeats": sum(shard.repeats for shard in self.shards),
            "behind": sum(shard.behind for shard in self.shards),
            **{kind: self.total(kind) for kind in KINDS},
            "first_difference": None if first is None else first.as_dict(),
            "shards": [shard.as_dict() for shard in self.shards if shard.head or shard.records],
        }
