"""The process managers there are. A further one is a line here: it begins with the first event."""

from __future__ import annotations

from commands.processes.backorders import Allocator
from commands.processes.clock import Clock
from commands.processes.count_finishing import CountFinishing
from commands.processes.crossing_saga import CrossingSaga
from commands.processes.lot_expiry import LotExpiry
from commands.processes.order_saga import OrderSaga
from commands.processes.process import AnyManager
from commands.processes.quota import QuotaOpening

MANAGERS: tuple[AnyManager, ...] = (
    Clock(),
    LotExpiry(),
    QuotaOpening(),
    Allocator(),
    OrderSaga(),
    CrossingSaga(),
    CountFinishing(),
)
