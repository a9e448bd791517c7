"""64 clients over three API processes want one SKU; one of the processes dies meanwhile."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from api.client import Answer, Client
from ops.stack import ports
from tests.e2e.api_processes import end, start_api
from tests.e2e.conftest import Stack

CLIENTS = 64
UNITS = 1_000
WANTED = 1_280


def test_a_hot_sku_is_never_oversold_though_an_api_process_is_killed(stack: Stack) -> None:
    api_key = stack.tenant("hot")
    taken: set[int] = set()
    for _ in range(2):
        taken.add(ports.choose(taken))
    second, third = sorted(taken)
    with ExitStack() as cleanup:
        steady = start_api(stack, second)
        cleanup.callback(end, steady)
        victim = start_api(stack, third)
        cleanup.callback(end, victim)
        urls = [stack.facts["api"], f"http://127.0.0.1:{second}", f"http://127.0.0.1:{third}"]
        clients = [Client(urls[n % 3], api_key) for n in range(CLIENTS)]
        for client in clients:
            cleanup.callback(client.close)
        stock_up(clients[0])
        workers = cleanup.enter_context(ThreadPoolExecutor(CLIENTS))
        answers = [
            workers.submit(reserve, clients[number % CLIENTS], number) for number in range(WANTED)
        ]
        while sum(answer.done() for answer in answers) < WANTED // 4:
            time.sleep(0.005)
        unfinished = sum(not answer.done() for answer in answers)
        end(victim)
        cleanup.callback(end, start_api(stack, third))
        told = [answer.result(timeout=120) for answer in answers]
    assert unfinished > CLIENTS, "the process was killed too late to matter"
    assert Counter(answer.outcome for answer in told) == {
        "accepted": UNITS,
        "refused": WANTED - UNITS,
    }
    for answer in told:
        if not answer.accepted:
            assert answer.refusal is not None
            assert (answer.refusal["code"], answer.refusal["available"]) == (
                "insufficient_stock",
                0,
            )
    with stack.client(api_key) as client:
        client.wait_for(max(answer.last_position or 0 for answer in told))
        levels: Any = client.stock("HOT")["levels"]
    assert [(level["reserved"], level["available"]) for level in levels] == [(UNITS, 0)]
    assert stack.backstock("verify", "--json").json["ok"]


def stock_up(client: Client) -> None:
    for body in (
        {"type": "register_location", "key": "l", "location": "hub", "name": "hub"},
        {"type": "register_item", "key": "i", "sku": "HOT", "name": "hot"},
        {
            "type": "receive_stock",
            "key": "r",
            "sku": "HOT",
            "location": "hub",
            "quantity": UNITS,
        },
    ):
        assert client.submit(body).accepted


def reserve(client: Client, number: int) -> Answer:
    return client.submit(
        {
            "type": "reserve_stock",
            "key": f"reserve-{number}",
            "sku": "HOT",
            "location": "hub",
            "reservation_id": f"r-{number}",
            "quantity": 1,
            "expires_at": "2100-01-01T00:00:00Z",
        }
    )
