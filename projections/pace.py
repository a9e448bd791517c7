"""How many events each projection applies at once, and for how long it waits for them.

A batch has a price of its own: 10 ms of the engine for an insert into ClickHouse, about 1 ms
elsewhere. Measured per event with batches of 300, 1,000, 2,000 and 10,000 events: `movements` 86,
27, 13 and 8 µs of CPU, `stock_levels` 13, 10, 6 and 6 µs. Waiting is paid in lag, of which readers
of Redis get least.
"""

from __future__ import annotations

from collections.abc import Mapping

from eventlog.consumer import Bounds

BOUNDS: Mapping[str, Bounds] = {
    "stock_levels": Bounds(events_max=2_000, wait_seconds=0.15),
    "orders": Bounds(events_max=2_000, wait_seconds=0.15),
    "documents": Bounds(events_max=2_000, wait_seconds=0.15),
    "availability": Bounds(events_max=2_000, wait_seconds=0.1),
    "movements": Bounds(events_max=10_000, wait_seconds=0.4),
}
