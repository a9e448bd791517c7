"""What holds of every process manager there is, and of the consumer that all of them share."""

from __future__ import annotations

from typing import cast

from commands.processes.known import MANAGERS
from commands.processes.running import Processes
from eventlog.codec import TYPE_NAMES
from eventlog.postgres.connections import Pool

PROCESSES = Processes(cast("Pool", None), MANAGERS, epoch=1)


def test_each_names_the_events_it_is_told_of_as_they_are_stored_today() -> None:
    for manager in MANAGERS:
        assert manager.handles <= set(TYPE_NAMES.values()), manager.name


def test_events_stored_under_an_older_name_reach_them_as_well() -> None:
    assert PROCESSES.handles >= {"stock.adjusted.v1", "stock.adjusted.v2"}
    assert PROCESSES.wants("stock.adjusted.v1", b"{}")
    assert PROCESSES.wants("stock.adjusted.v2", b"{}")


def test_what_concerns_nobody_by_its_bytes_is_not_wanted() -> None:
    plain, reserved = b'{"sku":"A"}', b'{"sku":"A","reservation_id":"r1"}'
    assert not PROCESSES.wants("stock.shipped.v1", plain)
    assert PROCESSES.wants("stock.shipped.v1", reserved)
    assert not PROCESSES.wants("order.placed.v2", b'{"order_id":"o"}')
    assert not PROCESSES.wants("order.placed.v1", b'{"order_id":"o"}')
    assert not PROCESSES.wants("item.registered.v1", plain)


def test_a_type_that_nobody_knows_is_wanted() -> None:
    assert PROCESSES.wants("stock.teleported.v1", b"{}")
