"""The faults that a command can meet and a person can do something about."""

from __future__ import annotations

import psycopg
from confluent_kafka import KafkaException

from api.client_answers import ApiError, UnreachableError
from eventlog.applying import TooManyParkedError
from eventlog.codec import UndecodableEventError, UnknownEventType
from eventlog.heads import HeadKeyError
from eventlog.kafka.records import StrangeRecordError
from eventlog.kafka.relay import ForkedTopicError
from eventlog.kafka.topics import TopicMismatchError
from eventlog.leases import LeaseTakenError
from eventlog.log import (
    AppendRejectedError,
    AppendUnknownError,
    LogGapError,
    LogUnavailableError,
    ShardBusyError,
)
from eventlog.postgres.connections import RoleError
from eventlog.projection import (
    BatchRejectedError,
    EpochMismatchError,
    PoisonEventError,
    StaleCheckpointError,
    StoreUnavailableError,
)
from migrations.runner import (
    MigrationEditedError,
    MigrationOrderError,
    PendingMigrationError,
    ShardCountError,
    StoreNewerError,
)
from migrations.sql_files import MigrationNameError
from ops.importers.online_retail.rows import FileProblem
from ops.importers.pace import StalledError
from ops.stack.errors import StackError
from projections.availability.shard_store import DamagedError
from projections.editions import UnknownEditionError
from projections.movements.inserts import BlockRefusedError
from projections.versions import VersionStateError
from replay.adopting import NoProjectionError
from replay.archive.faults import ArchiveError
from replay.building import BuildFailedError, CodeChangedError
from replay.bulk.workers import FoldFailedError, WorkersDiedError
from replay.cutover import CutoverError
from replay.determinism import NotDeterministicError
from replay.diff.expectations import ExpectationError
from replay.diff.sides import VersionsApartError
from replay.gate import NotPromotableError
from replay.holding import LeaseLostError, ReplayCancelledError
from replay.kafka_source import KafkaGapError
from replay.planning import PlanError
from replay.receipt_events import NotToldError
from replay.records import (
    OverlappingReplayError,
    ReplayBusyError,
    ReplayStateError,
    UnknownReplayError,
)
from replay.retiring import StillFedError
from replay.selective.selection import SelectiveError
from replay.verify.heads import HeadsUnreadableError

FAULTS: tuple[type[Exception], ...] = (
    StackError,
    ApiError,
    UnreachableError,
    StalledError,
    FileProblem,
    MigrationEditedError,
    MigrationNameError,
    MigrationOrderError,
    PendingMigrationError,
    ShardCountError,
    StoreNewerError,
    LogUnavailableError,
    LogGapError,
    AppendRejectedError,
    AppendUnknownError,
    ShardBusyError,
    UndecodableEventError,
    UnknownEventType,
    StoreUnavailableError,
    PoisonEventError,
    BatchRejectedError,
    StaleCheckpointError,
    TooManyParkedError,
    LeaseTakenError,
    BlockRefusedError,
    DamagedError,
    ForkedTopicError,
    StrangeRecordError,
    RoleError,
    HeadKeyError,
    TopicMismatchError,
    EpochMismatchError,
    UnknownEditionError,
    NoProjectionError,
    PlanError,
    SelectiveError,
    OverlappingReplayError,
    ReplayBusyError,
    ReplayStateError,
    UnknownReplayError,
    ArchiveError,
    KafkaGapError,
    BuildFailedError,
    CodeChangedError,
    FoldFailedError,
    WorkersDiedError,
    NotDeterministicError,
    HeadsUnreadableError,
    LeaseLostError,
    ReplayCancelledError,
    ExpectationError,
    VersionsApartError,
    CutoverError,
    NotPromotableError,
    NotToldError,
    StillFedError,
    VersionStateError,
    psycopg.OperationalError,
    KafkaException,
)


def sentence(error: Exception) -> str:
    """What happened. A database's own words are brought on one line; ours stay as they are."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, psycopg.Error | LogUnavailableError):
        return "PostgreSQL: " + " ".join(text.split())
    return text
