"""The made-up business."""

from collections import Counter
from datetime import UTC, datetime

from commands.messages import COMMAND
from ops.sample import SampleSize, commands

UNTIL = datetime(2026, 11, 21, tzinfo=UTC)
SMALL = SampleSize(items=8, days=6, orders=5)


def test_the_same_seed_makes_the_same_business() -> None:
    assert list(commands(seed=3, until=UNTIL, size=SMALL)) == list(
        commands(seed=3, until=UNTIL, size=SMALL)
    )
    assert list(commands(seed=3, until=UNTIL, size=SMALL)) != list(
        commands(seed=4, until=UNTIL, size=SMALL)
    )


def test_every_body_is_a_command_with_a_key_of_its_own_and_time_runs_forward() -> None:
    bodies = list(commands(seed=3, until=UNTIL, size=SMALL))
    for body in bodies:
        COMMAND.validate_python({**body, "occurred_at": UNTIL})
    assert max(Counter(body["key"] for body in bodies).values()) == 1
    times = [body["occurred_at"] for body in bodies]
    assert times == sorted(times)
    assert max(times) <= UNTIL.isoformat()


def test_it_sells_only_what_it_has() -> None:
    on_hand: Counter[tuple[str, str]] = Counter()
    for body in commands(seed=3, until=UNTIL, size=SMALL):
        if body["type"] == "receive_stock":
            on_hand[(body["sku"], body["location"])] += body["quantity"]
        if body["type"] == "place_order":
            for line in body["lines"]:
                on_hand[(line["sku"], line["location"])] -= line["quantity"]
                assert on_hand[(line["sku"], line["location"])] >= -5
