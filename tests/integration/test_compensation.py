"""Wrong rules sold held units: found, planned, approved and made up for over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner, Result

from commands.handlers import HANDLERS
from commands.order_messages import PlaceOrder
from eventlog.codec import decode_metadata
from ops.main import app
from replay.compensation.planted import IGNORES_HELD
from tests.api_world import SHELF, Business, Places, api_process
from tests.parts import Database


@pytest.fixture
def acme(
    postgres_database: Database,
    redis_url: str,
    redis_prefix: str,
    clickhouse_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Business]:
    """A business whose API has decided orders without regard to what is held."""
    places = Places(
        database=postgres_database,
        redis_url=redis_url,
        redis_prefix=redis_prefix,
        clickhouse_url=clickhouse_url,
    )
    handlers = cast("dict[Any, Any]", HANDLERS)
    with api_process(places, projections=False) as process, process.business() as business:
        business.stock_up(4)
        wrong = replace(HANDLERS[PlaceOrder], decide=IGNORES_HELD[PlaceOrder])
        with monkeypatch.context() as planted:
            planted.setitem(handlers, PlaceOrder, wrong)
            business.submit(
                {"type": "return_stock", "key": "b", **SHELF, "quantity": 6, "to": "damaged"},
                *(order(number, 3) for number in (1, 2, 3)),
            )
        yield business


def order(number: int, quantity: int) -> dict[str, Any]:
    lines = [{"line": 1, **SHELF, "quantity": quantity}]
    return {"type": "place_order", "key": f"p{number}", "order_id": f"o{number}", "lines": lines}


def backstock(acme: Business, *arguments: str) -> Result:
    return CliRunner().invoke(
        app,
        ["replay", *arguments],
        env={
            "BACKSTOCK_POSTGRES_READ_DSN": acme.process.database.read,
            "BACKSTOCK_API_URL": acme.process.url,
            "BACKSTOCK_API_KEY": acme.api_key,
        },
    )


def read(result: Result) -> dict[str, Any]:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_oversold_orders_are_found_and_cancelled_once_approved(
    acme: Business, tmp_path: Path
) -> None:
    ledger, plan = f"{acme.tenant}/main", tmp_path / "plan.jsonl"
    before = len(acme.events())
    arguments = ("compensate", "--ledger", ledger, "--out", str(plan), "--json")
    told = read(backstock(acme, *arguments))
    proposed = [each["command"]["order_id"] for each in told["proposals"]]
    assert (proposed, told["by_hand"]) == (["o2", "o3"], [])
    assert len(acme.events()) == before

    refused = backstock(acme, "compensate", "--approve", str(plan))
    assert (refused.exit_code, len(acme.events())) == (2, before)

    why = ("--reason", "held units were sold", "--by", "sub_7f3a")
    approve = ("compensate", "--approve", str(plan), *why, "--json")
    sent = read(backstock(acme, *approve))
    assert [each["outcome"] for each in sent["answers"]] == ["accepted", "accepted"]
    assert (sent["refused"], sent["reason"]) == (0, "held units were sold")
    after = len(acme.events())
    who = f"compensation/{sha256(plan.read_bytes()).hexdigest()}/sub_7f3a"
    assert sent["correlation_id"] == who
    assert {decode_metadata(each.metadata).correlation_id for each in acme.events()[before:]} == {
        who
    }
    again = read(backstock(acme, *approve))
    assert [each["replayed"] for each in again["answers"]] == [True, True]
    assert len(acme.events()) == after
    kept = Path(sent["kept"]).read_text().splitlines()
    assert [json.loads(line).get("approved", "-")[:1] for line in kept].count("-") == 4

    left = read(backstock(acme, *arguments))
    assert (left["proposals"], plan.read_bytes()) == ([], b"")


def test_who_approves_is_an_id(acme: Business, tmp_path: Path) -> None:
    plan = tmp_path / "plan.jsonl"
    plan.write_text('{"type": "cancel_order", "key": "k", "order_id": "o1"}\n')
    result = backstock(acme, "compensate", "--approve", str(plan), "--reason", "why", "--by", "A B")
    assert result.exit_code == 2
    assert "--by is an id" in result.output


def test_a_file_with_a_bad_line_sends_nothing(acme: Business, tmp_path: Path) -> None:
    plan = tmp_path / "plan.jsonl"
    good = {"type": "cancel_order", "key": "k", "order_id": "o1"}
    plan.write_text(json.dumps(good) + '\n{"type": "cancel_order", "key": "l"}\n')
    before = len(acme.events())
    result = backstock(acme, "compensate", "--approve", str(plan), "--reason", "why not")
    assert "line 2: /order_id" in str(result.exception)
    assert len(acme.events()) == before


def test_what_if_answers_in_a_table_and_as_json(acme: Business, tmp_path: Path) -> None:
    ledger = f"{acme.tenant}/main"
    policy = tmp_path / "policy.toml"
    policy.write_text("safety_stock = 1\n")
    told = read(
        backstock(
            acme, "what-if", "--ledger", ledger, "--policy", str(policy), "--from", "4", "--json"
        )
    )
    assert told["happened"]["promised"] == 9
    assert told["forked"]["promised"] == 3
    assert told["happened"]["oversold"] == 5
    assert told["forked"]["oversold"] == 0
    assert told["skus"][0]["sku"] == SHELF["sku"]
    table = backstock(acme, "what-if", "--ledger", ledger, "--backorder-limit", "9")
    assert table.exit_code == 0, table.output
    assert "units oversold" in table.stdout


BAD_INPUT = (
    (("what-if", "--from", "yesterday"), "neither a position"),
    (("what-if", "--ledger", "no such"), "is no ledger"),
    (("what-if", "--safety-stock", "some"), "write units"),
    (("what-if", "--ledger", "acme/none"), "there is no ledger"),
    (("what-if", "--from", "99999"), "ends at position"),
    (("compensate", "--rules", "none"), "there are no rules"),
)


def test_bad_input_is_named(acme: Business) -> None:
    for arguments, named in BAD_INPUT:
        more = () if "--ledger" in arguments else ("--ledger", f"{acme.tenant}/main")
        result = backstock(acme, *arguments, *more)
        assert result.exit_code != 0
        words = " ".join((result.output + str(result.exception)).replace("│", " ").split())
        assert named in words
