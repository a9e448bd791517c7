"""House rules that no linter knows. Each message names what to do instead."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTED = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
NAMES = subprocess.run(LISTED, cwd=ROOT, capture_output=True, check=True, text=True).stdout
FILES = [path for name in NAMES.split("\0") if name and (path := ROOT / name).is_file()]
MODULES = [path for path in FILES if path.suffix == ".py" and path != Path(__file__)]
EDGES = r"^(?!ops/|tests/|bench/).*\.py$"  # where time and ids are arguments
CODE = r"\.py$"
RULES = [
    (EDGES, r"\b(datetime\.now|time\.time)\(", "take the instant as an argument or a clock"),
    (EDGES, r"\buuid[147]\(\)", "take the id as an argument or a source of ids"),
    (EDGES, r"\btime\.sleep\(", "take `sleep` as an argument, or wait on an event with a limit"),
    (CODE, r"(?<![\w.])print\(", "log with structlog, or answer through ops' console"),
    (CODE, r"#.*\b(FIXME|TODO|XXX)\b", "do it now, or file it"),
    (CODE, r"# type: ignore(?!\[)", "name the error's code in brackets"),
    (CODE, r"except (Base)?Exception( as \w+)?:\s+(pass|\.\.\.|continue)\b", "answer or raise"),
    (CODE, r"suppress\((Base)?Exception\)", "suppress only what you can answer for"),
    (r"", r"\b(pypi|pythonhosted|npmjs|crates|golang|maven|debian)\.(org|io|com)\b", "no hosts"),
    (r"", r"(?m)(^|[\s\"'=(:`])/(home|root|work|Users)/", "no path of one machine"),
]


@pytest.mark.parametrize(("where", "banned", "instead"), RULES, ids=[rule[2] for rule in RULES])
def test_no_file_holds_what_the_house_bans(where: str, banned: str, instead: str) -> None:
    found = []
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        if re.search(where, name) and path != Path(__file__):
            text = path.read_text(encoding="utf-8", errors="replace")
            lines = (text.count("\n", 0, hit.end()) + 1 for hit in re.finditer(banned, text))
            found += [f"{name}:{line}: {instead}" for line in lines]
    assert found == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_is_short_and_named_for_its_content(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert path.stem not in {"utils", "helpers", "common", "base", "manager"}, "name its content"
    assert text.count("\n") <= 400, "split the module by what changes together"
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 60, f"{node.name} takes {length} lines: split it into named steps"
    if path.name == "__init__.py":
        alone = len(tree.body) == 1 and ast.get_docstring(tree) is not None
        assert alone, "a package's __init__.py is one docstring"
