"""What every test shares: Hypothesis profiles, and no silent green without a Chromium."""

import os
import shutil
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.parts", "tests.log_running"]

CI = os.environ.get("CI") == "true"
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

settings.register_profile("dev", max_examples=50, deadline=None)
# The same examples on every run: a red test on one machine is red on the other.
settings.register_profile("ci", parent=settings.get_profile("dev"), derandomize=True)
settings.register_profile(
    "nightly",
    max_examples=2_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if CI else "dev"))


# A wrapper comes before xdist's own hook, which reads the groups.
@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Tests of one file share a worker, and with it what their module sets up.

    Those on the whole stack share one worker altogether: the stack is started once a run.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            on_stack = "stack" in getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xdist_group("stack" if on_stack else item.path.name))
    return (yield)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that is run in the test's own process has logs go to a stream that is closed."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the machine's Chromium (BACKSTOCK_CHROMIUM, or the first one on the PATH)."""
    found = next(filter(None, map(shutil.which, CHROMIUMS)), "")
    path = os.environ.get("BACKSTOCK_CHROMIUM", found)
    if path:
        return path
    missing = "no Chromium on the PATH (Debian: apt-get install chromium)"
    if CI:
        pytest.fail(missing)
    pytest.skip(f"left out: {missing}")
