"""The one way through a shard's events: contiguous, each hash recomputed, each tail kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from eventlog.chain import chain_next, leaf_fields, microseconds, sized
from eventlog.log import RecordedEvent
from replay.archive.faults import DamagedError
from replay.archive.manifest import Span, Tail


class Link(Struct, frozen=True, gc=False):
    """An event that fits: `fields` are the first nine columns of its row as COPY takes them."""

    fields: bytes
    occurred_us: int
    recorded_us: int


@dataclass(slots=True, kw_only=True)
class Walk:
    """`tails` are of the ledgers before the next event of `shard`, behind `position`."""

    shard: int
    position: int
    tails: dict[str, Tail]
    _before: dict[str, Tail] = field(default_factory=dict)

    def step(self, where: str, event: RecordedEvent) -> Link:
        """Raises `DamagedError` for an event that is not the next one, or was altered."""
        tail = self.tails.get(event.ledger) or Tail(tenant=event.tenant)
        expected = (self.shard, self.position + 1, tail.tenant, tail.position + 1)
        found = (event.shard, event.shard_position, event.tenant, event.ledger_position)
        if found != expected:
            raise DamagedError(where, _gap(event, expected, found))
        fields = leaf_fields(
            owner=sized(event.tenant.encode()) + sized(event.ledger.encode()),
            ledger_position=event.ledger_position,
            stream=event.stream.encode(),
            stream_version=event.stream_version,
            event_id=event.event_id.bytes,
            type_name=event.type.encode(),
            data=event.data,
            metadata=event.metadata,
        )
        occurred_us, recorded_us = microseconds(event.occurred_at), microseconds(event.recorded_at)
        computed = chain_next(tail.chain_hash, fields, occurred_us, recorded_us)
        if computed != event.chain_hash:
            reason = (
                f"event {event.ledger_position} of ledger {event.ledger} was altered: its columns"
                f" give {computed.hex()}, {event.chain_hash.hex()} is stored. Find out which with"
                " `backstock verify`; bring the right one back from a copy"
            )
            raise DamagedError(where, reason)
        self._before.setdefault(event.ledger, tail)
        self.position = event.shard_position
        self.tails[event.ledger] = Tail(
            position=event.ledger_position, chain_hash=computed, tenant=event.tenant
        )
        return Link(fields, occurred_us, recorded_us)

    def take_spans(self) -> tuple[Span, ...]:
        """What each ledger went through since this was asked last."""
        spans = tuple(
            Span(
                ledger=ledger,
                tenant=self.tails[ledger].tenant,
                first_position=before.position + 1,
                last_position=self.tails[ledger].position,
                chain_before=before.chain_hash.hex(),
                chain_after=self.tails[ledger].chain_hash.hex(),
            )
            for ledger, before in sorted(self._before.items())
        )
        self._before.clear()
        return spans


def _gap(event: RecordedEvent, expected: tuple[object, ...], found: tuple[object, ...]) -> str:
    return (
        f"event {event.ledger_position} of ledger {event.ledger} is not the next one: (shard, its"
        f" position, tenant, ledger position) {expected} were due, {found} were found. See"
        " `backstock verify`"
    )
