"""What the application is made of. Built by `ops` (and by tests); nothing here is global."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.authentication import KeyAuthentication
from api.metrics import Metrics
from api.operator_routes import PartCheck
from api.read_side import ReadSide
from api.webhooks import Webhooks
from api.write_side import WriteSide


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """`signing_secret`: shared by every process of a deployment; tokens and cursors are signed.

    `personal_secret`: shared likewise; wraps the keys under which personal data is sealed.
    `metrics_token`: who shows it may scrape `/metrics`; None: this machine may. `console`: serve it
    under /console; its pages are kept per process, so by one application only.
    """

    signing_secret: bytes
    personal_secret: bytes
    metrics_token: str | None = None
    console: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """`close` is called once, after the last answer, and closes pools and clients."""

    settings: ApiSettings
    clock: Callable[[], datetime]
    keys: KeyAuthentication
    write_side: WriteSide
    read_side: ReadSide
    webhooks: Webhooks
    metrics: Metrics
    parts: Sequence[PartCheck]
    close: Callable[[], None]
