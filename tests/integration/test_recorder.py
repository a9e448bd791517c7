"""The library's own test cases, on the migrations' tables, as the log role, by the one append."""

from __future__ import annotations

import time
import unittest
from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    ProgrammingError,
    StoredEvent,
)
from eventsourcing.postgres import PostgresDatastore
from eventsourcing.projection import ApplicationSubscription
from eventsourcing.tests import persistence as cases
from psycopg import Connection
from psycopg.rows import TupleRow
from uuid_utils.compat import uuid7

from eventlog.chain import chain_over
from eventlog.log import GENESIS_HASH, Decision
from eventlog.postgres.append import PostgresAppender, _Locked
from eventlog.postgres.factory import LedgerFactory
from eventlog.postgres.heads import ledger_head
from eventlog.postgres.recorder import LedgerRecorder
from tests.appends import LEDGER, Store, log
from tests.parts import Database


class WithoutLock(PostgresAppender):
    """A mutant: decides on a head that it has not locked, slowly enough to be overtaken."""

    LOCK_HEAD = PostgresAppender.LOCK_HEAD.removesuffix(" FOR UPDATE")

    def _lock(self, connection: Connection[TupleRow], shard: int, decision: Decision) -> _Locked:
        locked = super()._lock(connection, shard, decision)
        time.sleep(0.02)
        return locked


class MutantRecorder(LedgerRecorder):
    appender_class = WithoutLock


class Library:
    """What a library's case needs: a recorder on one database, and where it has to stop."""

    __test__ = False  # pytest is not to collect these: `run` binds them to a database first
    recorder_class = LedgerRecorder
    datastore: PostgresDatastore
    store: Store

    def create_recorder(self) -> LedgerRecorder:
        return self.recorder_class(self.datastore, ledger=LEDGER, pool=self.store.pool)


class RecorderCase(Library, cases.ApplicationRecorderTestCase[ApplicationRecorder]):
    INITIAL_VERSION = 0

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class OneBasedCase(RecorderCase):
    INITIAL_VERSION = 1


class TextIdsCase(RecorderCase):
    def new_originator_id(self) -> str:
        return f"stock-{uuid7()}@Halle ä, links"


class NonInterleavingCase(Library, cases.NonInterleavingNotificationIDsBaseCase):
    pass


CASES: list[tuple[type[unittest.TestCase], str]] = [
    *((RecorderCase, name) for name in dir(RecorderCase) if name.startswith("test")),
    (OneBasedCase, "test_insert_select"),
    (TextIdsCase, "test_insert_select"),
    (TextIdsCase, "test_insert_subscribe"),
    (NonInterleavingCase, "test"),
]


@pytest.fixture
def store(postgres_database: Database) -> Iterator[Store]:
    with log(postgres_database.log) as opened:
        yield opened


def datastore(database: Database, originator_id_type: str = "uuid") -> PostgresDatastore:
    url = urlsplit(database.log)
    return PostgresDatastore(
        dbname=url.path[1:],
        host=url.hostname or "",
        port=url.port or 0,
        user=url.username or "",
        password=url.password or "",
        originator_id_type="text" if originator_id_type == "text" else "uuid",
    )


def run(
    case: type[unittest.TestCase],
    name: str,
    database: Database,
    store: Store,
    *,
    mutant: bool = False,
) -> unittest.TestResult:
    kind = "text" if case is TextIdsCase else "uuid"
    with datastore(database, kind) as opened:
        bound = type(
            case.__name__,
            (case,),
            {
                "datastore": opened,
                "store": store,
                "recorder_class": MutantRecorder if mutant else LedgerRecorder,
            },
        )
        result = unittest.TestResult()
        bound(name).run(result)
    return result


@pytest.mark.parametrize(("case", "name"), CASES, ids=[f"{c.__name__}-{n}" for c, n in CASES])
def test_the_librarys_own_case_passes(
    case: type[unittest.TestCase], name: str, postgres_database: Database, store: Store
) -> None:
    result = run(case, name, postgres_database, store)
    assert result.testsRun == 1
    assert result.skipped == []
    assert result.wasSuccessful(), (result.errors + result.failures)[0][1]
    events = store.all_events()
    head = ledger_head(store.pool, LEDGER)
    assert head is not None
    assert head.chain_hash == chain_over(GENESIS_HASH, events)


@pytest.mark.parametrize(
    ("case", "name"),
    [
        (RecorderCase, "test_concurrent_no_conflicts"),
        (RecorderCase, "test_concurrent_throughput"),
        (NonInterleavingCase, "test"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_without_the_lock_on_the_head_the_librarys_case_goes_red(
    case: type[unittest.TestCase], name: str, postgres_database: Database, store: Store
) -> None:
    assert not run(case, name, postgres_database, store, mutant=True).wasSuccessful()


def test_topics_and_states_are_stored_as_they_are(
    postgres_database: Database, store: Store
) -> None:
    odd = StoredEvent(
        originator_id=UUID(int=7), originator_version=-3, topic="a.b:C.D", state=bytes(range(256))
    )
    with datastore(postgres_database) as opened:
        recorder = LedgerRecorder(opened, ledger=LEDGER, pool=store.pool)
        assert list(recorder.insert_events([odd]) or ()) == [1]
        assert recorder.select_events(odd.originator_id) == [odd]
    (stored,) = store.all_events()
    assert (stored.stream, stored.type, stored.data) == (str(UUID(int=7)), "a.b:C.D", odd.state)


def test_an_unknown_ledger_is_named(postgres_database: Database, store: Store) -> None:
    new = StoredEvent(originator_id=uuid7(), originator_version=0, topic="t", state=b"")
    with datastore(postgres_database) as opened:
        recorder = LedgerRecorder(opened, ledger="acme/elsewhere", pool=store.pool)
        with pytest.raises(ProgrammingError, match="acme/elsewhere"):
            recorder.insert_events([new])


class Dog(Aggregate):
    def __init__(self, name: str) -> None:
        self.name = name
        self.tricks: list[str] = []

    @event("TrickAdded")
    def add_trick(self, trick: str) -> None:
        self.tricks.append(trick)


class Kennel(Application[UUID]):
    pass


@pytest.fixture
def kennel(postgres_database: Database, store: Store) -> Iterator[Kennel]:
    url = urlsplit(postgres_database.log)
    application = Kennel(
        env={
            "PERSISTENCE_MODULE": "eventlog.postgres.factory",
            LedgerFactory.LEDGER: LEDGER,
            "POSTGRES_DBNAME": url.path[1:],
            "POSTGRES_HOST": url.hostname or "",
            "POSTGRES_PORT": str(url.port),
            "POSTGRES_USER": url.username or "",
            "POSTGRES_PASSWORD": url.password or "",
        }
    )
    yield application
    application.close()


def test_an_application_of_the_library_lives_on_a_ledger(kennel: Kennel, store: Store) -> None:
    dog = Dog("Fido")
    dog.add_trick("roll over")
    other = Dog("Rex")
    kennel.save(dog, other)
    copy: Dog = kennel.repository.get(dog.id)
    assert (copy.name, copy.tricks, copy.version) == ("Fido", ["roll over"], 2)
    section = kennel.notification_log["1,10"]
    assert [item.id for item in section.items] == [1, 2, 3]
    assert [(each.stream, each.stream_version) for each in store.all_events()] == [
        (str(dog.id), 1),
        (str(dog.id), 2),
        (str(other.id), 1),
    ]


def test_two_writers_of_one_aggregate_conflict(kennel: Kennel) -> None:
    dog = Dog("Fido")
    kennel.save(dog)
    one: Dog = kennel.repository.get(dog.id)
    two: Dog = kennel.repository.get(dog.id)
    one.add_trick("sit")
    two.add_trick("stay")
    kennel.save(one)
    with pytest.raises(IntegrityError):
        kennel.save(two)


def test_a_subscription_follows_what_is_appended(kennel: Kennel) -> None:
    with ApplicationSubscription(kennel) as subscription:
        kennel.save(Dog("Fido"))
        assert next(subscription)[1].notification_id == 1
        kennel.save(Dog("Rex"))
        assert next(subscription)[1].notification_id == 2


def test_the_librarys_unsafe_path_is_refused(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = urlsplit(postgres_database.log)
    for name, value in {
        "PERSISTENCE_MODULE": "eventlog.postgres.factory",
        "LEDGER": LEDGER,
        "POSTGRES_DBNAME": url.path[1:],
        "POSTGRES_HOST": url.hostname or "",
        "POSTGRES_PORT": str(url.port),
        "POSTGRES_USER": url.username or "",
        "POSTGRES_PASSWORD": url.password or "",
        "POSTGRES_ENABLE_DB_FUNCTIONS": "y",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OSError, match="order of events"):
        Kennel()
