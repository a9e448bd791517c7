"""64 clients over three API processes, one of which dies, order what is scarce in many ways.
Nothing is oversold, no order is stuck, no unit is lost.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import pytest
import structlog

from api.client import Answer, Client
from ops.stack import ports
from tests.e2e.api_processes import end, start_api
from tests.e2e.conftest import Stack
from tests.e2e.mixed_orders import (
    ENDED,
    EXPECTED,
    FIRST_UNITS,
    PLACES,
    SKUS,
    UNSUPPLIED,
    Command,
    Life,
    Tally,
    finished,
    lives,
    waiting_units,
)

log = structlog.get_logger(__name__)

CLIENTS: Final = 64
GROUP_MAX: Final = 16
AGAIN: Final = 0.05  # Of the requests that were answered, so many are sent once more.
PAGE: Final = 1_000
RETRY_SECONDS_MAX: Final = 180.0
SETTLE_SECONDS_MAX: Final = 240.0
Row = dict[str, Any]
Stocks = dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Clients with a thread each, and what all of them were told."""

    clients: Sequence[Client]
    workers: ThreadPoolExecutor
    tally: Tally
    seed: int

    def begin(self, all_lives: Iterable[Life]) -> list[Future[None]]:
        """Lives in groups, each led by one client: a request is a step of all in the group."""
        dice, groups = random.Random(self.seed), list[Future[None]]()
        rest = iter(all_lives)
        while group := list(islice(rest, dice.randint(1, GROUP_MAX))):
            number = len(groups)
            client = self.clients[number % len(self.clients)]
            groups.append(self.workers.submit(self._lead, client, group, random.Random(number)))
        return groups

    def _lead(self, client: Client, group: list[Life], dice: random.Random) -> None:
        begun = ((life, next(life, None)) for life in group)
        steps = [(life, command) for life, command in begun if command is not None]
        while steps:
            commands = [command for _, command in steps]
            answers = send(client, commands)
            if dice.random() < AGAIN:
                assert [told(each) for each in send(client, commands)] == list(map(told, answers))
            done, steps = steps, []
            for (life, command), answer in zip(done, answers, strict=True):
                self.tally.note(command, answer)
                if (following := after(life, answer)) is not None:
                    steps.append((life, following))


def send(client: Client, commands: Sequence[Command]) -> Sequence[Answer]:
    if len(commands) == 1:
        return [client.submit(commands[0])]
    return client.submit_bulk(commands).results


def told(answer: Answer) -> tuple[object, ...]:
    return answer.outcome, answer.last_position, answer.result, answer.refusal


def after(life: Life, answer: Answer) -> Command | None:
    try:
        return life.send(answer)
    except StopIteration:
        return None


@pytest.mark.long
def test_twenty_thousand_orders_over_three_processes_end_without_a_unit_lost(stack: Stack) -> None:
    api_key = stack.tenant("mixed")
    with three_processes(stack) as (urls, kill), open_shop(urls, api_key) as shop:
        open_shelves(shop)
        groups = shop.begin(lives(20_000, shop.seed, shop.tally))
        while sum(group.done() for group in groups) < len(groups) // 3:
            time.sleep(0.02)
        open_groups = sum(not group.done() for group in groups)
        kill()
        results(groups)
        assert open_groups > len(groups) // 2, "the process was killed too late to matter"
        end_the_day(stack, api_key, shop)


def test_some_orders_of_every_kind_end_without_a_unit_lost(stack: Stack) -> None:
    api_key = stack.tenant("mixed-few")
    with open_shop([stack.facts["api"]], api_key) as shop:
        open_shelves(shop)
        results(shop.begin(lives(200, shop.seed, shop.tally)))
        end_the_day(stack, api_key, shop)


def end_the_day(stack: Stack, api_key: str, shop: Shop) -> None:
    log.info("ordered", answers=shop.tally.answers)
    with stack.client(api_key) as client:
        supply_what_is_waited_for(shop, client)
        results(shop.begin(finished(row) for row in orders_of(client) if is_open(row)))
        check(shop, client)
    verified = stack.backstock("verify", "--json").json
    assert verified["ok"], verified


def results(groups: Iterable[Future[None]]) -> None:
    for group in groups:
        group.result(timeout=1_200)


@contextmanager
def three_processes(stack: Stack) -> Iterator[tuple[Sequence[str], Callable[[], None]]]:
    """Their URLs, and what kills one of them and starts it again."""
    taken: set[int] = set()
    for _ in range(2):
        taken.add(ports.choose(taken))
    second, third = sorted(taken)
    with ExitStack() as cleanup:
        cleanup.callback(end, start_api(stack, second))
        victim = start_api(stack, third)
        cleanup.callback(end, victim)

        def kill() -> None:
            end(victim)
            cleanup.callback(end, start_api(stack, third))

        further = (f"http://127.0.0.1:{port}" for port in (second, third))
        yield (stack.facts["api"], *further), kill


@contextmanager
def open_shop(urls: Sequence[str], api_key: str) -> Iterator[Shop]:
    with ExitStack() as cleanup:
        clients = [
            cleanup.enter_context(
                Client(urls[n % len(urls)], api_key, retry_seconds_max=RETRY_SECONDS_MAX)
            )
            for n in range(CLIENTS)
        ]
        workers = cleanup.enter_context(ThreadPoolExecutor(CLIENTS))
        yield Shop(clients=clients, workers=workers, tally=Tally(), seed=20_261)


def open_shelves(shop: Shop) -> None:
    begun: list[Command] = [
        {"type": "register_location", "key": place, "location": place, "name": place}
        for place in PLACES
    ]
    begun += [{"type": "register_item", "key": sku, "sku": sku, "name": sku} for sku in SKUS]
    begun += [receipt(sku, place, FIRST_UNITS, "first") for sku in SKUS for place in PLACES]
    send_all(shop, begun)


def receipt(sku: str, place: str, units: int, key: str) -> Command:
    stock = {"sku": sku, "location": place, "quantity": units}
    return {"type": "receive_stock", "key": f"{key} {sku}@{place}", **stock}


def send_all(shop: Shop, commands: Sequence[Command]) -> None:
    for command, answer in zip(commands, send(shop.clients[0], commands), strict=True):
        assert answer.accepted, answer
        shop.tally.note(command, answer)


# --- the end of the day


def supply_what_is_waited_for(shop: Shop, client: Client) -> None:
    """What comes in is allocated by itself, payments take effect, and carts expire."""
    client.wait_for(shop.tally.last_position, timeout_seconds=SETTLE_SECONDS_MAX)
    missing = Counter(
        {(sku, place): n for (sku, place), n in waiting_at(client).items() if sku not in UNSUPPLIED}
    )
    for level in levels_of(client):
        missing[level["sku"], level["location"]] += max(0, -level["available"])
    wanted = [receipt(*stock, units, "last") for stock, units in sorted(missing.items()) if units]
    if wanted:
        send_all(shop, wanted)
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while left := unsettled(shop, client):
        assert time.monotonic() < deadline, left
        time.sleep(1.0)


def unsettled(shop: Shop, client: Client) -> str:
    """What is still to happen by itself; nothing once all of it has."""
    client.wait_for(shop.tally.last_position, timeout_seconds=SETTLE_SECONDS_MAX)
    if any(level["reserved"] for level in levels_of(client)):
        return f"reserved: {list(rows_of(client, '/v1/carts', 'documents', status='open'))}"
    for row in orders_of(client):
        stocks = waiting_units(row)
        if stocks and not any(sku in UNSUPPLIED for sku, _ in stocks):
            return f"{row['order_id']} waits for {stocks}"
        fate = shop.tally.paid.get(row["order_id"], "unpaid")
        if fate == "failed" and row["status"] != "cancelled":
            return f"{row['order_id']} is {row['status']}, its payment failed"
        if fate in {"captured", "authorised"} and is_unpaid(row):
            return f"{row['order_id']} was paid for and does not go on"
    return ""


def is_unpaid(row: Row) -> bool:
    terms = row["progress"].get("terms", {})
    return terms.get("payment") == "required" and not row["progress"].get("payment_id")


def is_open(row: Row) -> bool:
    return row["status"] not in ENDED and not is_unpaid(row)


def check(shop: Shop, client: Client) -> None:
    tally = shop.tally
    client.wait_for(tally.last_position, timeout_seconds=SETTLE_SECONDS_MAX)
    rows, levels, queues = list(orders_of(client)), list(levels_of(client)), waiting_at(client)
    unheard = {kind: count for kind, count in tally.refusals.items() if kind not in EXPECTED}
    assert unheard == {}
    assert {row["order_id"] for row in rows} == tally.placed
    for level in levels:
        assert min(level["on_hand"], level["available"], level["held"]) >= 0, level
        assert (level["reserved"], level["picked"], level["shortfall"]) == (0, 0, 0), level
    stuck, committed, waited = [], Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for row in rows:
        if row["status"] in ENDED:
            continue
        if not (waits := waiting_units(row)) and tally.paid.get(row["order_id"]) != "unpaid":
            stuck.append((row["order_id"], row["status"]))
        waited.update(waits)
        committed.update(held_by(row))
    assert stuck == []
    assert waited == queues
    assert committed == {
        (level["sku"], level["location"]): level["committed"]
        for level in levels
        if level["committed"]
    }
    assert sum(level["on_hand"] for level in levels) == units_left(tally, rows)
    log.info(
        "checked",
        placed=len(rows),
        events=tally.last_position,
        statuses=dict(Counter(row["status"] for row in rows)),
        refusals={" ".join(kind): count for kind, count in tally.refusals.items()},
        units=dict(tally.units),
        on_hand=sum(level["on_hand"] for level in levels),
    )


def held_by(row: Row) -> Stocks:
    """Units that an order has committed."""
    found: Counter[tuple[str, str]] = Counter()
    if allotments := row["progress"].get("allotments"):
        for each in allotments.values():
            found[each["sku"], each["location"]] += each["committed"]
    else:
        for line in row["lines"]:
            found[line["sku"], line["location"]] += line["quantity"] - line["shipped"]
    return {stock: units for stock, units in found.items() if units}


def units_left(tally: Tally, rows: Iterable[Row]) -> int:
    """What came in and did not leave, by what the clients were told and the orders say."""
    left = tally.units["receive_stock"] - tally.units["write_off_stock"]
    for row in rows:
        left -= sum(line["shipped"] for line in row["lines"])
        for back in row["progress"].get("returns", {}).values():
            left += sum(
                seen["quantity"] for seen in back["inspected"] if seen["outcome"] != "refuse"
            )
    return left


def orders_of(client: Client) -> Iterator[Row]:
    yield from rows_of(client, "/v1/orders", "orders")


def levels_of(client: Client) -> Iterator[Row]:
    yield from rows_of(client, "/v1/stock", "levels")


def waiting_at(client: Client) -> Stocks:
    bodies = (row["body"] for row in rows_of(client, "/v1/stock-details", "documents"))
    return {(each["sku"], each["location"]): each["waiting"] for each in bodies if each["waiting"]}


def rows_of(client: Client, path: str, name: str, **filters: str) -> Iterator[Row]:
    for page in client.pages(path, limit=PAGE, **filters):
        found: Any = page[name]
        yield from found
