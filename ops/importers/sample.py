"""Fills an empty ledger with the made-up business of `backstock generate`."""

from __future__ import annotations

from datetime import UTC, datetime

from api.client import Client
from ops.sample import SampleSize, commands

SEED = 1
BULK_COMMANDS = 500


def fill_if_empty(api: str, api_key: str) -> int:
    """Send the sample unless the ledger has items; returns how many commands were sent."""
    with Client(api, api_key) as client:
        if client.get("/v1/items", limit=1)["items"]:
            return 0
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        bodies = list(commands(seed=SEED, until=midnight, size=SampleSize()))
        position = None
        for start in range(0, len(bodies), BULK_COMMANDS):
            position = client.submit_bulk(bodies[start : start + BULK_COMMANDS]).position
        client.wait_for(position)
    return len(bodies)
