"""The published percentage: 100 says that not one cell differs, and nothing is not 100."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from ops.sampling_metrics import Metrics
from replay.verify.catalogue import Entry
from replay.verify.sampling.results import ModelTally, Round, percent

ENTRY = Entry(projection="orders", version=3, store="postgres", places={})


def tally(right: int, wrong: int = 0) -> ModelTally:
    found = ModelTally(entry=ENTRY)
    for number in range(right):
        found.compare("acme/main", f"order-{number}", "here", number, number)
    for number in range(wrong):
        found.compare("acme/main", f"order-w{number}", "there", number, None)
    return found


@pytest.mark.parametrize(
    ("explained", "checked", "shown"),
    [(0, 0, None), (7, 7, 100.0), (0, 7, 0.0), (1, 3, 33.3333), (9_999_999, 10_000_000, 99.9999)],
)
def test_the_percentage_is_100_only_when_every_cell_is_explained(
    explained: int, checked: int, shown: float | None
) -> None:
    assert percent(explained, checked) == shown


def test_a_round_names_its_wrong_cells() -> None:
    done = Round(tallies=[tally(3, 1)])
    assert (done.ok, done.percent, done.checked) == (False, 75.0, 4)
    (cell,) = done.wrong
    assert (cell.read_model, cell.stream, cell.found) == (
        "orders v3",
        "order-w0",
        "none: it is missing",
    )


def test_metrics_show_the_last_round_the_age_and_all_cells_so_far() -> None:
    registry, now = CollectorRegistry(), [100.0]
    metrics = Metrics(registry, clock=lambda: now[0])
    labels = {"projection": "orders", "version": "3"}

    def shown(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    metrics.note(Round(tallies=[tally(3, 1)]))
    assert shown("backstock_explained_percent_overall") == 75.0
    now[0] = 107.0
    metrics.note(Round(tallies=[tally(0)]))
    assert shown("backstock_explained_age_seconds", **labels) == 7.0
    metrics.note(Round(tallies=[tally(4)]))
    assert shown("backstock_explained_percent", **labels) == 100.0
    assert shown("backstock_explained_age_seconds", **labels) == 0.0
    assert shown("backstock_checked_cells_total", **labels) == 8.0
    assert shown("backstock_explained_cells_total", **labels) == 7.0
    late = tally(1)
    late.skip("stream too long")
    late.skip("stream too long")
    metrics.note(Round(tallies=[late]))
    long = {**labels, "reason": "stream too long"}
    assert shown("backstock_sampling_skipped_cells_total", **long) == 2.0
    metrics.failed()
    overall = shown("backstock_explained_percent_overall")
    assert overall != overall, "a number would say that something is known"  # noqa: PLR0124
    assert shown("backstock_sampling_failed_rounds_total") == 1.0
    metrics.note(Round(tallies=[]))
    assert shown("backstock_explained_percent", **labels) is None, "it is no longer fed"
