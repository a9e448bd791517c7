"""docs/replay-tutorial.md, as it stands: every command, and every line it says a command prints."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Stack

PAGE = ROOT / "docs" / "replay-tutorial.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "@@ended"
WHATEVER = "…"
SECONDS_MAX = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """As a person types it, and what it is said to print."""

    typed: str
    said: tuple[str, ...]


def commands() -> Iterator[Command]:
    """`$` begins a command, `>` goes on with it, all else is its output."""
    for block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, *others = part.splitlines()
            more = [line[1:].removeprefix(" ") for line in others if line.startswith(">")]
            said = [" ".join(line.split()) for line in others if not line.startswith(">")]
            yield Command(typed="\n".join((first, *more)), said=tuple(filter(None, said)))


def shell(page: list[Command], directory: Path, stack: Stack) -> list[tuple[int, str]]:
    """Type all of it into one shell; the exit code and the output of each command."""
    lines = [f"{each.typed}\nprintf '\\n{END} %s\\n' $?" for each in page]
    done = subprocess.run(
        ("bash", "-c", "exec 2>&1\n" + "\n".join(lines)),
        cwd=directory,
        env={
            **os.environ,
            "BACKSTOCK_DATA": str(stack.data),
            "COLUMNS": "160",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    parts = re.split(rf"^{END} (\d+)$", done.stdout, flags=re.MULTILINE)
    return [(int(code), text) for text, code in zip(parts[::2], parts[1::2], strict=False)]


def first_missing(said: tuple[str, ...], printed: str) -> str | None:
    """The first stated line that does not follow the ones before it in what was printed."""
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    for wanted in said:
        pattern = re.compile(".*".join(map(re.escape, wanted.split(WHATEVER))))
        if not any(pattern.fullmatch(line) for line in lines):
            return wanted
    return None


@pytest.mark.long
def test_the_tutorial_does_what_it_says(stack: Stack, tmp_path: Path) -> None:
    page = list(commands())
    assert len(page) > 20, "the page's commands are found"
    answers = shell(page, tmp_path, stack)
    for command, (code, printed) in zip(page, answers, strict=True):
        assert code == 0, (command.typed, printed)
        missing = first_missing(command.said, printed)
        assert missing is None, f"{command.typed!r} does not print {missing!r}:\n{printed}"
    assert "<html" in (tmp_path / "difference.html").read_text(encoding="utf-8")


def test_a_line_that_is_not_printed_where_it_is_stated_is_missed() -> None:
    printed = "a  1\nb 2 of 3\nc\n"
    assert first_missing(("a 1", "b … 3", "c"), printed) is None
    assert first_missing(("b 2 of 3", "a 1"), printed) == "a 1"
    assert first_missing(("b … 4",), printed) == "b … 4"
