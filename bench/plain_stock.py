"""The peer's aggregate, as `eventsourcing`'s tutorial writes one."""

from eventsourcing.domain import Aggregate, event


class PlainStock(Aggregate):
    @event("Registered")
    def __init__(self) -> None:
        self.on_hand = 0

    @event("Received")
    def receive(self, quantity: int) -> None:
        self.on_hand += quantity
