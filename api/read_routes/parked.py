"""Which parked streams concern an answer: matched by what was asked, as they may have no row."""

from collections.abc import Callable

from api.problems import Problem
from api.read_side import View
from domain.streams import StreamKind, sku_and_location

Concerns = Callable[[str], bool]


def of_kind(kind: StreamKind) -> Concerns:
    """Every stream of the kind."""
    return lambda stream: stream.startswith(f"{kind}-")


def of_stock(*, sku: str | None = None, location: str | None = None) -> Concerns:
    """Every stock of the SKU at the location; None: of any."""

    def concerns(stream: str) -> bool:
        its_sku, its_location = sku_and_location(stream)
        return (
            stream.startswith("stock-")
            and sku in {None, its_sku}
            and location in {None, its_location}
        )

    return concerns


def missing(view: View, model: str, stream: str, unknown: Problem) -> Problem:
    """What to raise for a row that is not there: it may be that its stream is parked."""
    for stale in view.stale(model, [stream]):
        return Problem("unavailable", f"{stream} cannot be shown. {stale.reason}")
    return unknown
