"""Carts, quota and expiry on a whole store: verify finds them lawful, and every lie about them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.command_side import WriteSide, shelf
from tests.integration.test_carts import cart, two_items
from tests.integration.test_processes import reserve
from tests.managers_side import managing
from tests.parts import SharedParts
from tests.planting import OF_LEDGER, red
from tests.stories import LATER, told
from tests.whole_store import WholeStore, places_of, whole_store

MUCH_LATER = "2100-02-01T00:00:00Z"


async def carts(side: WriteSide) -> None:
    """Two carts before a quota, one of which ends under it; one more, and one too many."""
    await two_items(side)
    await told(
        side,
        [
            cart("c1", ("A", 2), ("B", 1), ("A", 1)),
            cart("c2", ("B", 2)),
            {"type": "set_policy", "key": "p1", "reservation_quota": 8},
            {
                "type": "extend_cart",
                "key": "e1",
                "reservation_id": "c1",
                "expires_at": LATER[:-1] + ".5Z",
            },
            {"type": "release_cart", "key": "x1", "reservation_id": "c2"},
        ],
    )


async def under_a_quota(side: WriteSide) -> None:
    of_s1 = {**shelf("A"), "reservation_id": "s1"}
    single = {"type": "reserve_stock", **of_s1, "expires_at": LATER}
    await told(
        side,
        [
            {**single, "key": "s1", "quantity": 3},
            cart("c3", ("B", 2)),
            {
                "type": "ship_stock",
                "key": "s2",
                **shelf("A"),
                "quantity": 1,
                "reservation_id": "s1",
            },
        ],
        *("accepted", "refused", "accepted"),
    )


@pytest.fixture(scope="module")
def kept_store(
    shared_parts: SharedParts,
    postgres_server: str,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WholeStore]:
    keys = tmp_path_factory.mktemp("verify")
    with (
        places_of(shared_parts, postgres_server, migrated_template, keys) as places,
        whole_store(places) as store,
    ):

        async def settled(side: WriteSide) -> None:
            async with managing(store.database.log) as managers:
                await side.send(**reserve("due") | shelf("A"))
                assert await managers.settle() == 2, "the expiry, and the quota's opening figure"

        store.tell(carts, settled, under_a_quota)
        store.catch_up()
        store.sign()
        store.keep()
        yield store


@pytest.fixture
def store(kept_store: WholeStore) -> Iterator[WholeStore]:
    """The told store; its database is put back afterwards."""
    yield kept_store
    kept_store.restore()


def test_what_commands_and_process_managers_lead_to_is_lawful(store: WholeStore) -> None:
    report = store.verify()
    assert report.ok, report.first_difference
    assert store.one(
        "SELECT count(*) FROM documents_v1 WHERE kind IN ('reservation', 'policy')"
    ) == (3,)


@pytest.mark.parametrize(
    ("type_name", "was", "becomes"),
    [
        ("cart.reserved.v1", '"quantity":2', '"quantity":1'),
        ("policy.reserved_units_counted.v1", '"delta":-2', '"delta":-1'),
        ("policy.quota_opened.v1", '"units":', '"units":1'),
    ],
)
def test_a_fact_that_the_stocks_do_not_bear_out_is_found(
    store: WholeStore, type_name: str, was: str, becomes: str
) -> None:
    store.plant(
        "UPDATE events SET data = convert_to(replace(convert_from(data, 'UTF8'),"
        f" '{was}', '{becomes}'), 'UTF8') WHERE {OF_LEDGER} AND type = '{type_name}'"
        f" AND convert_from(data, 'UTF8') LIKE '%{was}%'"
    )
    report = store.verify()
    assert report.laws["conservation"].difference is not None
    red(report, "chain", "")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("reservation", "status = 'open2'"),
        ("reservation", "body = jsonb_set(body::jsonb, '{ended}', '\"expired\"')::json"),
        ("policy", "body = jsonb_set(body::jsonb, '{reserved_units}', '99')::json"),
    ],
)
def test_a_document_that_is_not_what_the_log_says_is_found(
    store: WholeStore, kind: str, change: str
) -> None:
    store.plant(f"UPDATE documents_v1 SET {change} WHERE kind = '{kind}'")
    red(store.verify(), "folds", "")
