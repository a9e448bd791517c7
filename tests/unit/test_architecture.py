"""The dependency rule is a test: layers, a pure domain, an independent verifier."""

import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


def test_every_listed_package_exists_with_its_docstring_and_type_marker() -> None:
    incomplete = [
        package
        for package in PACKAGES
        if not all((ROOT / package / file).is_file() for file in ("__init__.py", "py.typed"))
    ]
    assert incomplete == []


def test_every_top_level_package_is_listed_and_checked() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert found == set(PACKAGES) == set(PROJECT["tool"]["importlinter"]["root_packages"])
    assert set(PROJECT["tool"]["mypy"]["files"]) == found | {"tests", "bench"}


def test_the_import_contracts_hold() -> None:
    script = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [script, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_domain_imports_the_standard_library_only(graph: grimp.ImportGraph) -> None:
    imported = graph.find_upstream_modules("domain", as_package=True)
    roots = {module.split(".")[0] for module in imported} - {"domain"}
    assert roots - sys.stdlib_module_names == set()


def test_the_verifier_imports_none_of_our_packages(graph: grimp.ImportGraph) -> None:
    imported = graph.find_upstream_modules("replay.verify", as_package=True)
    ours = {
        module
        for module in imported
        if module.split(".")[0] in PACKAGES and not f"{module}.".startswith("replay.verify.")
    }
    assert ours == set()
