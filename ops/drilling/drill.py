"""The planted bug end to end: found by verify, planned, built, compared, promoted, rolled back,
promoted again, on whatever the log holds, while reads and writes go on.

For as long as it lasts, readers are shown the planted mistake: damaged returns counted twice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from ops import promotion
from ops.access import add_key, add_tenant, revoke_key
from ops.drilling import steps
from ops.drilling.steps import DrillError
from ops.drilling.tally import Tally
from ops.drilling.tidying import ACCEPTED, RULE, close_drills, tidy
from ops.drilling.traffic import Traffic
from ops.replaying import Replaying
from ops.verification import addresses_of, run_verification
from projections.editions import CURRENT, RETURNS_TWICE
from replay.diff.cells import Finding
from replay.verify.wrong_cells import WrongCell, wrong_cells

TENANT: Final = "drill"
# By their rows readers tell the mistake from what is right; more than one page of them.
RETURNS_MADE: Final = tuple(range(1, 11))
RUN_BYTES: Final = 4
BROKEN: Final = ("failed_reads", "failed_writes", "mixed_lists", "answers_that_went_back")

Tell = Callable[[str], None]


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

    def as_dict(self, tally: Tally) -> dict[str, Any]:
        counted = tally.as_dict()
        explained = len(self.wrong & self.expected)
        exact = len(self.wrong) == self.differing == explained > 0
        whole = counted["mistake_seen"] and not any(counted[name] for name in BROKEN)
        proven = self.told["verify_ok"] and not self.told["receipt_faults"]
        return {
            "ok": bool(exact and whole and proven),
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

    def run(self) -> dict[str, Any]:
        """Raises what a step raised, when nothing of the drill is left; else `DrillError`."""
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
                self._plant(traffic)
                self._repair(traffic)
        except BaseException as error:
            self._leave_nothing(error)
            raise
        finally:
            revoke_key(dsn, key.key_id)
        with self.report.step("verify", self.tell):
            steps.wait_until_shown(self.around)
            told = run_verification(self.around.stores.settings)
        first = told.first_difference
        self.report.told |= {
            "verify_ok": told.ok,
            "first_difference": None if first is None else first.as_dict(),
        }
        return self.report.as_dict(traffic.tally)

    def _prepare(self, traffic: Traffic) -> None:
        close_drills(self.around)
        traffic.begin()
        traffic.return_damaged(RETURNS_MADE)
        if traffic.tally.failures:
            raise DrillError(f"nothing was planted: {traffic.tally.failures[0]}")
        steps.wait_until_shown(self.around)

    def _leave_nothing(self, error: BaseException) -> None:
        self.tell("take away what was planted")
        try:
            tidy(self.around)
        except Exception as also:  # noqa: BLE001 - told below
            why = str(error) or type(error).__name__
            raise DrillError(
                f"the drill stopped ({why}), and what it had planted is still there ({also}): see"
                " `backstock status`, then run the drill again, which repairs it"
            ) from error

    def _plant(self, traffic: Traffic) -> None:
        """Unless it is planted already."""
        around, step, tell = self.around, self.report.step, self.tell
        if set(steps.editions(around).values()) == {RETURNS_TWICE}:
            return
        with step("plant the mistake", tell):
            replay_id = steps.planned(around, RETURNS_TWICE)
            steps.built(around, replay_id)
            steps.compared(around, replay_id, [])
            promotion.promote(around, replay_id, ACCEPTED)
        with step("retire what was right", tell):
            traffic.await_lists()
            promotion.retire(around, replay_id)

    def _repair(self, traffic: Traffic) -> None:
        around, step, tell = self.around, self.report.step, self.tell
        with step("find the wrong cells", tell):
            self.report.wrong = wrong_cells(addresses_of(around.stores.settings))
        started = time.monotonic()
        with step("plan", tell):
            replay_id = steps.planned(around, CURRENT)
        with step("run", tell):
            steps.built(around, replay_id)
        with step("diff", tell):
            done = steps.compared(around, replay_id, [RULE], self._note)
        with step("promote", tell):
            first = promotion.promote(around, replay_id, None).cutover
        fixed = time.monotonic() - started
        with step("rollback", tell):
            back = promotion.rollback(around, replay_id)
        with step("promote again", tell):
            last = promotion.promote(around, replay_id, None).cutover
        with step("check the receipts", tell):
            receipts = promotion.checked_receipts(around, replay_id)
        with step("retire", tell):
            traffic.await_lists()
            promotion.retire(around, replay_id)
        projections = done.document["projections"].values()
        self.report.differing = sum(each["differing"] for each in projections)
        self.report.told |= {
            "surprises": done.surprises,
            "replay_id": str(replay_id),
            "seconds_to_promoted": round(fixed, 3),
            "rollback_seconds": back.seconds,
            "held_seconds": [each.held_seconds for each in (first, back, last)],
            "receipts": [each["sha256"] for each in receipts],
            "receipt_faults": [fault for each in receipts for fault in each["faults"]],
        }

    def _note(self, finding: Finding) -> None:
        if finding.expected:
            key = finding.key
            names = tuple(value for _, value in key.names)
            self.report.expected.add(WrongCell(key.place, key.ledger, names, finding.field))
