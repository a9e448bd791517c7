"""What consumes the log and how: the contract between a projection and the loop that drives it.

Errors a projection may raise, and what the loop does about each:

    StoreUnavailableError   waits, reads the checkpoint again, goes on from there
    PoisonEventError        parks that event's stream, applies the batch without it
    BatchRejectedError      halves the batch until one event is left, which it parks
    StaleCheckpointError    stops: another process moved this checkpoint
    EpochMismatchError      stops: the read model folds another history
    anything else           stops: a fault in the code
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from eventlog.log import ArrivedEvent, RecordedEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The last shard position a read model has folded (0: none), of which epoch of the store."""

    epoch: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerMark:
    """How far a batch takes one ledger: its last event in the batch, handled or not."""

    tenant: str
    position: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The shard positions (after, last] of one shard, to be applied as one.

    `events` are those of handled types and streams that are not parked, in shard order; it may be
    empty, and the checkpoint moves all the same. `ledgers` and `recorded_at`
    (of the event at `last`) speak of the whole range.
    """

    shard: int
    epoch: int
    after: int
    last: int
    events: Sequence[RecordedEvent]
    ledgers: Mapping[str, LedgerMark]
    recorded_at: datetime


class Projection(Protocol):
    """A fold of the log into tables or keys of its own. One thread drives it, call by call."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def handles(self) -> frozenset[str]:
        """Stored type names. Events of other types only move the checkpoint."""

    def checkpoint(self, shard: int) -> Checkpoint:
        """Where to go on; finishes first whatever an earlier process claimed and left open.

        Called when the shard's lease is won, after every `StoreUnavailableError`, and now and then
        while nothing happens: a read model that lost its data starts it anew here and answers with
        a lower position. Blocks. Raises `StoreUnavailableError`, `EpochMismatchError`.
        """

    def apply(self, batch: Batch) -> None:
        """Write the events and move the checkpoint from `after` to `last`, as one atomic write.

        Blocks. Raises `StoreUnavailableError` (all or nothing was written: the checkpoint tells),
        `PoisonEventError` and `BatchRejectedError` (nothing was written), `StaleCheckpointError`
        (nothing was written, as the checkpoint was not `after`).
        """

    def apply_parked(self, events: Sequence[RecordedEvent]) -> None:
        """Write events of one parked stream, in order; the checkpoint stays where it is.

        They are at or below the checkpoint. May be called again with events it has already
        written, which must change nothing. Raises as `apply` does, but never for a checkpoint.
        """


class StoreUnavailableError(Exception):
    """A store did not answer, or not in time; whether the last write took hold is unknown."""

    def __init__(self, store: str, cause: BaseException) -> None:
        super().__init__(f"{store} does not answer: {cause}")
        self.store = store
        self.cause = cause


class PoisonEventError(Exception):
    """This event cannot be applied, now or later, by this code; its neighbours may."""

    def __init__(self, event: RecordedEvent, cause: BaseException | str) -> None:
        super().__init__(
            f"event {event.ledger_position} of ledger {event.ledger} ({event.type}, stream "
            f"{event.stream}) cannot be applied: {cause}"
        )
        self.event = event
        self.cause = cause


class BatchRejectedError(Exception):
    """The store refused the data of a batch, without telling which event is to blame.

    `batch` is None when they were the events of a parked stream.
    """

    def __init__(self, batch: Batch | None, cause: BaseException) -> None:
        what = (
            f"positions {batch.after + 1} to {batch.last} of shard {batch.shard}"
            if batch
            else "events of a parked stream"
        )
        super().__init__(f"{what} were refused: {cause}")
        self.batch = batch
        self.cause = cause


class StaleCheckpointError(Exception):
    """Compare-and-set on the checkpoint failed: somebody else applies this shard."""

    def __init__(self, projection: str, version: int, shard: int, expected: int) -> None:
        super().__init__(
            f"checkpoint of {projection} v{version}, shard {shard}, is no longer {expected}: "
            "another process moved it"
        )
        self.projection = projection
        self.version = version
        self.shard = shard
        self.expected = expected


class EpochMismatchError(Exception):
    """The read model belongs to another life of the store than the log that is there now."""

    def __init__(self, what: str, found: int, epoch: int) -> None:
        super().__init__(
            f"{what} belongs to epoch {found} of the store, which is in epoch {epoch} now: "
            "drop it and rebuild it from the log"
        )
        self.what = what
        self.found = found
        self.epoch = epoch


def batch_of(
    events: Sequence[ArrivedEvent],
    *,
    epoch: int,
    handles: frozenset[str],
    parked: Mapping[tuple[str, str], int],
) -> Batch:
    """Contiguous events of one shard, at least one, as a batch.

    What the source passed over is not among its events, even if its type is handled.
    `parked` has the ledger position from which on a (ledger, stream) is left out. Same events,
    handled types and parked streams give the same batch: so a claim can be repeated.
    """
    first, last = events[0], events[-1]
    if last.shard_position - first.shard_position != len(events) - 1:
        raise ValueError(f"a batch of shard {first.shard} has a gap after {first.shard_position}")
    ledgers = {
        event.ledger: LedgerMark(
            tenant=event.tenant, position=event.ledger_position, recorded_at=event.recorded_at
        )
        for event in {event.ledger: event for event in events}.values()
    }
    kept = [event for event in events if event.type in handles and isinstance(event, RecordedEvent)]
    if parked:
        kept = [event for event in kept if not is_parked(event, parked)]
    return Batch(
        shard=first.shard,
        epoch=epoch,
        after=first.shard_position - 1,
        last=last.shard_position,
        events=kept,
        ledgers=ledgers,
        recorded_at=last.recorded_at,
    )


def is_parked(event: RecordedEvent, parked: Mapping[tuple[str, str], int]) -> bool:
    """Whether the event is one that its parked stream keeps back."""
    since = parked.get((event.ledger, event.stream))
    return since is not None and event.ledger_position >= since
