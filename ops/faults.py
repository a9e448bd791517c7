"""The faults that a command can meet and a person can do something about."""

from __future__ import annotations

import psycopg
from confluent_kafka import KafkaException

from api.client_answers import ApiError, UnreachableError
from eventlog.heads import HeadKeyError
from eventlog.kafka.topics import TopicMismatchError
from eventlog.log import LogUnavailableError
from eventlog.postgres.connections import RoleError
from eventlog.projection import EpochMismatchError, StoreUnavailableError
from migrations.runner import (
    MigrationEditedError,
    MigrationOrderError,
    ShardCountError,
    StoreNewerError,
)
from migrations.sql_files import MigrationNameError
from ops.importers.online_retail.rows import FileProblem
from ops.importers.pace import StalledError
from ops.stack.errors import StackError
from projections.editions import UnknownEditionError
from projections.versions import VersionStateError
from replay.adopting import NoProjectionError
from replay.building import BuildFailedError, CodeChangedError
from replay.cutover import CutoverError
from replay.diff.expectations import ExpectationError
from replay.diff.sides import VersionsApartError
from replay.gate import NotPromotableError
from replay.holding import LeaseLostError, ReplayCancelledError
from replay.planning import PlanError
from replay.records import (
    OverlappingReplayError,
    ReplayBusyError,
    ReplayStateError,
    UnknownReplayError,
)
from replay.retiring import StillFedError
from replay.selective.selection import SelectiveError

FAULTS: tuple[type[Exception], ...] = (
    StackError,
    ApiError,
    UnreachableError,
    StalledError,
    FileProblem,
    MigrationEditedError,
    MigrationNameError,
    MigrationOrderError,
    ShardCountError,
    StoreNewerError,
    LogUnavailableError,
    StoreUnavailableError,
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
    BuildFailedError,
    CodeChangedError,
    LeaseLostError,
    ReplayCancelledError,
    ExpectationError,
    VersionsApartError,
    CutoverError,
    NotPromotableError,
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
