import re
from pathlib import Path

import api
import ops
from api.problems import PROBLEMS, Problem, problem_members, problem_response
from commands import refusals as command_refusals
from domain.refusal_list import REFUSALS
from domain.refusals import Refusal

CODES_OF_REFUSALS = {kind.code for kind in REFUSALS} | {
    kind.code
    for kind in vars(command_refusals).values()
    if isinstance(kind, type) and issubclass(kind, Refusal) and kind is not Refusal
}


def test_every_refusal_has_its_status_and_title() -> None:
    assert CODES_OF_REFUSALS - set(PROBLEMS) == set()


def test_every_problem_of_the_table_is_raised_somewhere() -> None:
    paths = [path for path in Path(api.__path__[0]).rglob("*.py") if path.name != "client.py"]
    paths += Path(ops.__path__[0]).glob("replay_*.py")
    rows = re.compile(r'^    "\w+": Kind\(.*$', re.MULTILINE)
    sources = [rows.sub("", path.read_text(encoding="utf-8")) for path in paths]
    named = set(re.findall(r'"([a-z_]+)"', "".join(sources)))
    assert set(PROBLEMS) - named - CODES_OF_REFUSALS == set()


def test_a_problem_names_its_kind_and_its_fields() -> None:
    problem = Problem("unknown_item", "It is not registered.", members={"sku": "A"})
    assert problem_members(problem) == {
        "type": "/problems/unknown_item",
        "title": "The item is not registered",
        "status": 404,
        "detail": "It is not registered.",
        "code": "unknown_item",
        "sku": "A",
    }


def test_whoever_should_come_again_is_told_when() -> None:
    codes = [code for code, kind in PROBLEMS.items() if kind.status in {429, 503, 504}]
    assert codes
    for code in codes:
        assert problem_response(Problem(code, "")).headers["Retry-After"] == "1"
    assert "Retry-After" not in problem_response(Problem("invalid", "")).headers
