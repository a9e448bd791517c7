"""The planted bug end to end: found by verify, planned, built, compared, promoted, rolled back,
promoted again, on whatever the log holds, while reads and writes go on.

For as long as it lasts, readers are shown the planted mistake: damaged returns counted twice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final
from uuid import UUID

import clickhouse_connect

from eventlog.postgres.connections import borrowed
from ops import promotion
from ops.access import add_key, add_tenant, revoke_key
from ops.drilling.traffic import Traffic
from ops.processes.projector import redis_client
from ops.replaying import Replaying
from ops.stack.errors import StackError
from ops.verification import addresses_of, run_verification
from projections.catalogue import active
from projections.editions import CURRENT, RETURNS_TWICE
from replay import planning
from replay.budget import Budget
from replay.building import build
from replay.cancelling import CANCELLABLE, cancel
from replay.diff.cells import Finding
from replay.diff.compare import compare, sides_of
from replay.diff.expectations import parse_all
from replay.gate import Acceptance
from replay.records import replay
from replay.verify.wrong_cells import WrongCell, wrong_cells

PROJECTIONS: Final = ("stock_levels", "availability", "movements")
TENANT: Final = "drill"
RULE: Final = "type=stock.returned.v1 to=damaged"
ACCEPTED: Final = Acceptance(who="drill", why="the drill plants this mistake to repair it")
RETURNS_MADE: Final = (2, 3, 5)
RUN_BYTES: Final = 4
# Lists that were begun on a version end on it, and not once it is dropped.
LISTS_SECONDS: Final = 5.0
SHOWN_SECONDS_MAX: Final = 60.0
POLL_SECONDS: Final = 0.1
DAMAGED: Final = """
SELECT EXISTS (SELECT FROM events WHERE type = 'stock.returned.v1'
                  AND convert_from(data, 'UTF8') LIKE '%"to":"damaged"%')
"""
SHOWN: Final = """
SELECT coalesce(sum(s.position - c.position), 0)
  FROM projection_checkpoints AS c JOIN projections AS p USING (projection, version)
  JOIN shards AS s USING (shard) WHERE p.state = 'active' AND p.projection = ANY (%s)
"""

Tell = Callable[[str], None]


class DrillError(StackError):
    """The drill stopped half-way; the sentence says what answers now, and what to do."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What a drill found. Cells are of stock levels and movements: of availability, on hand and
    held rise by as much, so no unit is free that was not.
    """

    steps: list[dict[str, Any]] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    wrong: set[WrongCell] = field(default_factory=set)
    expected: set[WrongCell] = field(default_factory=set)
    differing: int = 0

    @contextmanager
    def step(self, name: str, tell: Tell) -> Iterator[None]:
        """Time a step, and say that it begins."""
        tell(name)
        started = time.monotonic()
        yield
        seconds = round(time.monotonic() - started, 3)
        self.steps.append({"step": name, "seconds": seconds})

    def as_dict(self, traffic: Traffic) -> dict[str, Any]:
        counted = traffic.tally.as_dict()
        explained = len(self.wrong & self.expected)
        exact = len(self.wrong) == self.differing == explained > 0
        broken = ("failed_reads", "failed_writes", "mixed_lists", "answers_that_went_back")
        whole = not any(counted[name] for name in broken)
        return {
            "ok": exact and whole and bool(self.told.get("verify_ok")),
            "cells_wrong_before": len(self.wrong),
            "cells_differing": self.differing,
            "cells_explained": explained,
            **self.told,
            **counted,
            "steps": self.steps,
        }


@dataclass(slots=True, kw_only=True)
class Drill:
    """One run. `urls`: the API processes that are read through."""

    around: Replaying
    urls: Sequence[str]
    commands_per_second: int
    tell: Tell
    report: Report = field(default_factory=Report)
    last: UUID | None = None

    def run(self) -> dict[str, Any]:
        """Raises `DrillError` when a step failed, with what to do; and what the steps raise."""
        dsn = self.around.stores.log_dsn
        add_tenant(dsn, TENANT, name="Drill", ledgers=["main"])
        key = add_key(dsn, TENANT, name="drill", scopes=("inventory:read", "inventory:write"))
        traffic = Traffic(
            urls=self.urls,
            api_key=key.api_key,
            run=f"drill/{os.urandom(RUN_BYTES).hex()}",
            commands_per_second=self.commands_per_second,
        )
        try:
            with self.report.step("prepare", self.tell):
                self._prepare(traffic)
            with traffic.flowing():
                self._steps()
        finally:
            revoke_key(dsn, key.key_id)
        with self.report.step("verify", self.tell):
            self._wait_until_shown()
            told = run_verification(self.around.stores.settings)
        first = told.first_difference
        self.report.told |= {
            "verify_ok": told.ok,
            "first_difference": None if first is None else first.as_dict(),
        }
        return self.report.as_dict(traffic)

    def _prepare(self, traffic: Traffic) -> None:
        traffic.begin()
        with borrowed(self.around.pool) as connection:
            row = connection.execute(DAMAGED).fetchone()
        made = 0
        if row is None or not row[0]:
            traffic.return_damaged(RETURNS_MADE)
            made = len(RETURNS_MADE)
        self.report.told["damaged_returns_made"] = made
        self._wait_until_shown()

    def _steps(self) -> None:
        step, tell = self.report.step, self.tell
        if self._editions() != {RETURNS_TWICE}:
            with step("plant the mistake", tell):
                planted = self._built(RETURNS_TWICE)
                self._compare(planted, [])
                promotion.promote(self.around, planted, ACCEPTED)
            with step("retire what was right", tell):
                time.sleep(LISTS_SECONDS)
                promotion.retire(self.around, planted)
        try:
            self._repair()
        except Exception as error:
            self._give_up()
            if self._editions() == {CURRENT}:
                raise
            raise DrillError(
                "the drill stopped while the planted mistake answers: run it again, or plan, run,"
                f" diff and promote edition {CURRENT!r} of {', '.join(PROJECTIONS)}; it said:"
                f" {error}"
            ) from error

    def _repair(self) -> None:
        step, tell = self.report.step, self.tell
        with step("find the wrong cells", tell):
            self.report.wrong = wrong_cells(addresses_of(self.around.stores.settings))
        started = time.monotonic()
        with step("plan", tell):
            replay_id = self._planned(CURRENT)
        with step("run", tell):
            self._build(replay_id)
        with step("diff", tell):
            self._compare(replay_id, [RULE])
        with step("promote", tell):
            first = promotion.promote(self.around, replay_id, None)
        fixed = time.monotonic() - started
        with step("rollback", tell):
            back = promotion.rollback(self.around, replay_id)
        with step("promote again", tell):
            last = promotion.promote(self.around, replay_id, None)
        with step("check the receipts", tell):
            receipts = promotion.checked_receipts(self.around, replay_id)
        with step("retire", tell):
            time.sleep(LISTS_SECONDS)
            promotion.retire(self.around, replay_id)
        self.report.told |= {
            "replay_id": str(replay_id),
            "seconds_to_promoted": round(fixed, 3),
            "rollback_seconds": back.seconds,
            "held_seconds": [
                first.cutover.held_seconds,
                back.held_seconds,
                last.cutover.held_seconds,
            ],
            "receipts": [each["sha256"] for each in receipts],
            "receipt_faults": [fault for each in receipts for fault in each["faults"]],
        }

    def _give_up(self) -> None:
        """Drop what was built and never promoted, so that another replay may begin."""
        around, last = self.around, self.last
        if last is None:
            return
        with borrowed(around.pool) as connection:
            state = replay(connection, last).state
        if state in CANCELLABLE:
            cancel(
                around.pool,
                last,
                owner=around.owner,
                drop=around.drop,
                sleep=time.sleep,
            )

    def _built(self, edition: str) -> UUID:
        replay_id = self._planned(edition)
        self._build(replay_id)
        return replay_id

    def _planned(self, edition: str) -> UUID:
        around = self.around
        request = planning.Request(projections=PROJECTIONS, edition=edition)
        planned = planning.plan(around.pool, around.reader, request)
        prefix = around.stores.settings.redis_prefix
        self.last = planning.start(around.pool, planned, redis_prefix=prefix)
        return self.last

    def _build(self, replay_id: UUID) -> None:
        around = self.around
        build(
            around.pool,
            around.reader,
            replay_id,
            make=around.make,
            owner=around.owner,
            stop=Event(),
            budget=Budget(cores=os.cpu_count() or 1),
            observe=lambda _: None,
            bulk=around.bulk(),
        )

    def _compare(self, replay_id: UUID, rules: Sequence[str]) -> None:
        """Notes what differs, and which cells the rules expect to."""
        around, stores = self.around, self.around.stores
        self.report.expected = set()
        with (
            closing(redis_client(stores)) as keys,
            closing(clickhouse_connect.get_client(dsn=stores.clickhouse_url)) as tables,
        ):
            with borrowed(around.pool) as connection:
                found = replay(connection, replay_id)
                sides = sides_of(connection, found, redis=keys, clickhouse=tables)
            done = compare(
                around.pool,
                around.reader,
                found,
                sides,
                rules=parse_all(rules),
                each=self._note,
            )
        projections = done.document["projections"].values()
        self.report.differing = sum(each["differing"] for each in projections)
        self.report.told["surprises"] = done.surprises

    def _note(self, finding: Finding) -> None:
        if finding.expected:
            key = finding.key
            names = tuple(value for _, value in key.names)
            self.report.expected.add(WrongCell(key.place, key.ledger, names, finding.field))

    def _editions(self) -> set[str]:
        with borrowed(self.around.pool) as connection:
            found = active(connection)
        return {found[name].edition for name in PROJECTIONS}

    def _wait_until_shown(self) -> None:
        deadline = time.monotonic() + SHOWN_SECONDS_MAX
        while True:
            with borrowed(self.around.pool) as connection:
                row = connection.execute(SHOWN, (list(PROJECTIONS),)).fetchone()
            if row is not None and row[0] == 0:
                return
            if time.monotonic() > deadline:
                raise DrillError(
                    "the read models do not follow the log: see `backstock status`, then run the"
                    " drill again"
                )
            time.sleep(POLL_SECONDS)
