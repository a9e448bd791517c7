"""The supervisor with small compositions: order, deaths, restarts, leftovers, outside addresses."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from ops.stack.child import Identity
from ops.stack.directory import DataDirectory
from ops.stack.errors import DirectoryBusyError, NotReadyError, PartError
from ops.stack.parts import Part, running
from ops.stack.postgres import PostgresPart
from ops.stack.redis import RedisPart
from ops.stack.role import Role, role_environment
from ops.stack.state import Phase, StackState, State, UnitState
from ops.stack.supervisor import Composition
from tests.supervision import eventually, supervised

PROCESS = Path(__file__).with_name("stack_process.py")
ROOT = Path(__file__).parents[2]
READY = "from ops.stack.role import say_ready; import time; say_ready(); time.sleep(3600)"


def role(name: str, program: str, **more: object) -> Role:
    argv = (sys.executable, "-c", program)
    return Role(name=name, argv=argv, **({"environment": {}} | more))  # type: ignore[arg-type]


def of_roles(*roles: Part) -> Composition:
    return Composition(parts=(), roles=lambda _addresses, _directory: roles)


def test_roles_start_after_the_migration_and_after_each_other(tmp_path: Path) -> None:
    order = tmp_path / "order"
    line = "import os, pathlib; f = open(os.environ['ORDER'], 'a'); f.write('{} '); f.close();"
    seen: dict[str, str] = {}

    def migrate(addresses: Mapping[str, str], _directory: DataDirectory) -> None:
        seen.update(addresses)
        order.write_text("migrate ")

    def roles(addresses: Mapping[str, str], directory: DataDirectory) -> Sequence[Part]:
        environment = role_environment(addresses, directory) | {"ORDER": str(order)}
        second = role(
            "second", line.format("second") + READY, environment=environment, after=("first",)
        )
        first = role(
            "first",
            f"import time; time.sleep(0.3); {line.format('first')} "
            f"assert os.environ['BACKSTOCK_REDIS_URL']; {READY}",
            environment=environment,
        )
        return second, first

    composition = Composition(
        parts=(RedisPart(),), migrate=migrate, roles=roles, facts=lambda *_: {"api": "there"}
    )
    with supervised(tmp_path / "data", composition) as stack:
        assert stack.failures == []
        assert order.read_text() == "migrate first second "
        state = StackState.running(stack.directory)
        assert state.phase is Phase.READY
        assert state.facts == {"api": "there"}
        assert state.addresses == seen
        assert stack.unit("second").state is State.READY
    ended = StackState.read(stack.directory)
    assert ended is not None
    assert ended.phase is Phase.STOPPED
    assert {unit.state for unit in ended.units} == {State.STOPPED}


def test_a_role_that_dies_is_started_again_and_its_last_words_are_said(tmp_path: Path) -> None:
    with supervised(tmp_path, of_roles(role("worker", READY))) as stack:
        first = stack.unit("worker")
        with (stack.directory.logs / "worker.log").open("a") as log:
            log.write("out of paper\n")
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        assert eventually(lambda: stack.unit("worker").restarts == 1)
        assert eventually(lambda: stack.unit("worker").state is State.READY)
        assert stack.unit("worker").pid != first.pid
        assert "was killed by signal 9" in stack.notes.said[0]
        assert "out of paper" in stack.notes.said[0]


def test_a_role_that_no_longer_answers_is_shown_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.stack.unit.CHECK_EVERY_SECONDS", 0.1)
    silent = threading.Event()

    def is_ready(_address: str) -> None:
        if silent.is_set():
            raise NotReadyError("worker", "out to lunch")

    with supervised(tmp_path, of_roles(role("worker", READY, is_ready=is_ready))) as stack:
        first = stack.unit("worker")
        silent.set()
        assert eventually(lambda: stack.unit("worker").state is State.UNRESPONSIVE)
        silent.clear()
        assert eventually(lambda: stack.unit("worker").state is State.READY)
        assert (stack.unit("worker").pid, stack.unit("worker").restarts) == (first.pid, 0)
        assert stack.notes.said[:2] == [
            "worker does not answer: out to lunch",
            "worker answers again",
        ]


def test_the_pause_before_a_restart_doubles(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    dies = f"import time; open({str(starts)!r}, 'a').write(f'{{time.time()}}\\n');"
    program = f"{dies} from ops.stack.role import say_ready; say_ready(); time.sleep(0.3); 1/0"
    with supervised(tmp_path / "data", of_roles(role("mayfly", program))) as stack:
        assert eventually(lambda: len(starts.read_text().split()) >= 4)
        assert "in 0.2 s" in stack.notes.said[0]
        assert "in 0.4 s" in stack.notes.said[1]
        assert "in 0.8 s" in stack.notes.said[2]
        assert "ZeroDivisionError" in stack.notes.said[2]


def test_what_never_gets_ready_fails_the_start_and_stops_the_rest(tmp_path: Path) -> None:
    roles = of_roles(role("good", READY), role("broken", "raise SystemExit('no such ledger')"))
    with supervised(tmp_path, roles) as stack:
        assert not stack.ready.is_set()
        assert isinstance(stack.failures[0], PartError)
        assert "broken: exited with code 1 while starting" in str(stack.failures[0])
        assert "no such ledger" in str(stack.failures[0])
        state = StackState.read(stack.directory)
        assert state is not None
        assert state.phase is Phase.FAILED
        assert state.error == str(stack.failures[0])
        assert [unit.pid for unit in state.units] == [None, None]


def test_a_second_supervisor_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with supervised(tmp_path, of_roles(role("worker", READY))) as first:
        pid = first.unit("worker").pid
        with supervised(tmp_path, of_roles()) as second:
            assert isinstance(second.failures[0], DirectoryBusyError)
            assert second.failures[0].pid == os.getpid()
        assert first.unit("worker").pid == pid


def test_what_a_killed_supervisor_left_behind_is_ended_first(tmp_path: Path) -> None:
    # As it is on a system whose kernel does not end orphans: they run, and stack.json knows them.
    orphan = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    bystander = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    try:
        known = Identity.of(orphan.pid)
        assert known is not None
        directory = DataDirectory(root=tmp_path)
        directory.create()
        StackState(
            phase=Phase.READY,
            since="2026-01-01T00:00:00+00:00",
            supervisor=Identity(pid=orphan.pid, started=1.0),
            units=[
                UnitState(
                    name=name,
                    kind="role",
                    state=State.READY,
                    since="2026-01-01T00:00:00+00:00",
                    pid=pid,
                    started=started,
                )
                for name, pid, started in (
                    ("orphan", orphan.pid, known.started),
                    # Its number was given to somebody else meanwhile.
                    ("reused", bystander.pid, known.started - 3600),
                )
            ],
        ).write(directory)
        with supervised(tmp_path, of_roles()) as stack:
            assert orphan.poll() is not None
            assert bystander.poll() is None
            assert (
                stack.notes.said[0] == "orphan: ended a process that an earlier stack left behind"
            )
    finally:
        for process in (orphan, bystander):
            process.kill()
            process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a death")
def test_no_child_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    command = (sys.executable, str(PROCESS), str(tmp_path))
    supervisor = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)})
    directory = DataDirectory(root=tmp_path)
    try:
        assert eventually(
            lambda: (state := StackState.read(directory)) is not None and state.phase is Phase.READY
        )
        children = psutil.Process(supervisor.pid).children(recursive=True)
        assert {"postgres", "valkey-server"} <= {child.name() for child in children}
    finally:
        supervisor.kill()
        supervisor.wait()
    survivors = psutil.wait_procs(children, timeout=10)[1]
    for survivor in survivors:
        survivor.kill()
    assert [survivor.name() for survivor in survivors] == []


def test_a_stubborn_role_is_killed_after_its_farewell(tmp_path: Path) -> None:
    ignores = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    began = time.monotonic()
    with supervised(
        tmp_path, of_roles(role("stubborn", ignores + READY, farewell_seconds=0.5))
    ) as stack:
        pid = stack.unit("stubborn").pid
        assert pid is not None
        began = time.monotonic()
    assert 0.4 < time.monotonic() - began < 5
    assert not psutil.pid_exists(pid)


def test_a_taken_port_is_chosen_again_and_the_new_one_kept(tmp_path: Path) -> None:
    def port(address: str) -> int:
        return int(address.rsplit(":", 1)[1].split("/", maxsplit=1)[0])

    with running(RedisPart(), tmp_path) as address:
        first = port(address)
        redis.Redis.from_url(address).set("kept", "yes")
    with socket.create_server(("127.0.0.1", first)), running(RedisPart(), tmp_path) as address:
        second = port(address)
        assert second != first
        assert redis.Redis.from_url(address).get("kept") == b"yes"
    with running(RedisPart(), tmp_path) as address:
        assert port(address) == second


def test_a_first_start_that_was_killed_half_way_is_made_again(tmp_path: Path) -> None:
    directory = DataDirectory(root=tmp_path)
    directory.create()
    unfinished = directory.part("postgres.unfinished")
    (unfinished / "PG_VERSION").write_text("18\n")
    part = PostgresPart(settings={"fsync": "off"})
    with running(part, tmp_path) as address, psycopg.connect(address) as connection:
        assert connection.info.dbname == "backstock"
    assert not unfinished.exists()


def test_a_part_given_by_address_is_reached_and_not_started(tmp_path: Path, redis_url: str) -> None:
    composition = Composition(parts=(RedisPart(),), external={"redis": redis_url})
    with supervised(tmp_path, composition) as stack:
        assert stack.unit("redis").state is State.EXTERNAL
        assert stack.unit("redis").pid is None
        assert StackState.running(stack.directory).addresses == {"redis": redis_url}


def test_an_address_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.stack.supervisor.EXTERNAL_SECONDS_MAX", 0.2)
    nowhere = {"redis": "redis://127.0.0.1:1/0"}
    with supervised(tmp_path, Composition(parts=(RedisPart(),), external=nowhere)) as stack:
        assert "redis: does not answer at the address it was given" in str(stack.failures[0])
