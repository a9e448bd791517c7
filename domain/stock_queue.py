"""Orders that wait at one stock, as its facts move them."""

from __future__ import annotations

from dataclasses import replace

from domain.events import BackorderClosed, StockBackordered
from domain.stock import Waiting, promise_key


def wait(queue: dict[str, Waiting], event: StockBackordered | BackorderClosed, units: int) -> None:
    """Change `queue` by so many units of the event's line; further ones keep its place."""
    key = promise_key("order", event.order_id, event.line)
    known = queue.get(key)
    left = units + (known.quantity if known else 0)
    if left <= 0:
        queue.pop(key, None)
    elif isinstance(event, StockBackordered):
        queue[key] = Waiting(
            order_id=event.order_id,
            line=event.line,
            quantity=left,
            whole=event.whole,
            of_kits=event.of_kits,
        )
    elif known is not None:
        queue[key] = replace(known, quantity=left)
