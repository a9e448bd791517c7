"""What a command may meet is told in one line; what no command meets is named here."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

from eventlog.applying import TooManyParkedError
from eventlog.codec import UndecodableEventError, UnknownEventType
from eventlog.log import LogGapError, LogUnavailableError
from ops.faults import FAULTS, sentence
from replay.archive.faults import DamagedError, TargetError

LIBRARIES = ("eventlog", "projections", "replay", "migrations")
# Answered where they are raised, or by the command that asked: no command ends with one.
ANSWERED = {
    "eventlog.log.StreamVersionConflict",
    "projections.availability.shard_store.LostError",
    "projections.availability.shard_store.MovedError",
    "projections.documents.kind.NotBegunError",
    "replay.bulk.run.RangeRefusedError",
    "replay.compensation.approval.NotApprovableError",
    "replay.compensation.rules.UnknownRulesError",
    "replay.fork.policy.PolicyError",
    "replay.fork.source.UnknownLedgerError",
    "replay.reconcile.custody.ShardBusyError",
    "replay.reconcile.custody.ShardLostError",
    "replay.reconcile.repair.RepairFailedError",
    "replay.selective.in_postgres.ParkedMeanwhileError",
    "replay.switching.BehindError",
    "replay.switching.CarefulTimeOverError",
    "replay.verify.applied_ids.RebuildingError",
    "replay.verify.sampling.stream_fold.NotFoldedError",
}


@pytest.mark.parametrize(
    "error",
    [
        TargetError("/typo", "there is no archive"),
        DamagedError("/archive/manifest.json", "it was edited"),
        TooManyParkedError("orders", 2, 101),
        LogGapError(3, 5, 7),
        UnknownEventType("stock.melted.v1"),
        UndecodableEventError("stock.received.v1", "no quantity"),
        LogUnavailableError("connection\nrefused"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_fault_of_a_command_is_one_line(error: Exception) -> None:
    assert isinstance(error, FAULTS)
    assert sentence(error).splitlines() == [sentence(error)]


def test_every_error_of_the_libraries_is_told_by_commands_or_named_as_answered() -> None:
    errors = {f"{each.__module__}.{each.__qualname__}": each for each in _errors()}
    untold = {name for name, each in errors.items() if not issubclass(each, FAULTS)}
    assert untold == ANSWERED, "a command that meets it ends in a traceback"


def _errors() -> Iterator[type[Exception]]:
    for library in LIBRARIES:
        package = importlib.import_module(library)
        for found in pkgutil.walk_packages(package.__path__, f"{library}."):
            module = importlib.import_module(found.name)
            for each in vars(module).values():
                if (
                    isinstance(each, type)
                    and issubclass(each, Exception)
                    and each.__module__ == module.__name__
                    and not each.__name__.startswith("_")
                ):
                    yield each
