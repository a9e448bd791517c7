"""`backstock replay drill`: on a small log, and stopped half-way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.drilling.drill import Drill
from ops.drilling.steps import editions
from ops.drilling.tidying import OPEN
from ops.replaying import Replaying, replaying
from ops.settings import Settings
from ops.stores import Stores
from projections.editions import CURRENT
from tests.e2e.conftest import Stack, backstock

CUT_OVERS = 4


class StoppedError(Exception):
    """Raised by a test in the middle of a drill."""


@pytest.fixture
def around(stack: Stack) -> Iterator[Replaying]:
    with replaying(Stores.of(Settings(data=stack.data))) as found:
        yield found


def stopped_at(around: Replaying, stack: Stack, step: str) -> None:
    """Run a drill up to where it says that this step begins."""

    def tell(name: str) -> None:
        if name == step:
            raise StoppedError(step)

    drill = Drill(around=around, urls=[stack.facts["api"]], commands_per_second=50, tell=tell)
    with pytest.raises(StoppedError):
        drill.run()


def open_replays(around: Replaying) -> int:
    with around.pool.connection() as connection:
        return len(connection.execute(OPEN).fetchall())


def test_the_drill_repairs_what_it_planted_while_reads_and_writes_go_on(
    stack: Stack, around: Replaying
) -> None:
    done = stack.backstock("replay", "drill", "--commands-per-second", "100", "--json")
    report = done.json
    assert (done.code, report["ok"]) == (0, True), report
    assert report["cells_wrong_before"] == report["cells_differing"] == report["cells_explained"]
    assert report["cells_wrong_before"] > 0
    assert report["failed_reads"] == report["failed_writes"] == 0
    assert report["mixed_lists"] == report["answers_that_went_back"] == 0
    assert len(report["generations"]) == CUT_OVERS + 1
    assert min(report["reads"], report["writes"]) > 100
    assert all(each["seconds"] >= 0 for each in report["steps"])
    assert [each["step"] for each in report["steps"]] == [
        "prepare",
        "plant the mistake",
        "retire what was right",
        "find the wrong cells",
        "plan",
        "run",
        "diff",
        "promote",
        "rollback",
        "promote again",
        "check the receipts",
        "retire",
        "verify",
    ]
    assert open_replays(around) == 0


@pytest.mark.long
@pytest.mark.parametrize(
    "step", ["retire what was right", "run", "diff", "promote again", "retire"]
)
def test_a_drill_that_stops_half_way_leaves_no_replay_and_no_mistake(
    stack: Stack, around: Replaying, step: str
) -> None:
    stopped_at(around, stack, step)
    assert set(editions(around).values()) == {CURRENT}
    assert open_replays(around) == 0
    assert stack.backstock("verify", "--json").json["ok"]


def test_a_drill_without_a_stack_says_so(tmp_path: Path) -> None:
    done = backstock("replay", "drill", "--data", str(tmp_path / "none"), "--json")
    assert done.code == 1
    assert "no stack is running here. Start one with `backstock up`" in done.stderr


def test_a_drill_plants_nothing_when_an_api_process_does_not_answer(
    stack: Stack, around: Replaying
) -> None:
    before = editions(around)
    done = stack.backstock("replay", "drill", "--api-url", "http://127.0.0.1:1", "--json")
    assert done.code == 1
    assert "error: nothing was planted: read /v1/items" in done.stderr
    assert editions(around) == before
