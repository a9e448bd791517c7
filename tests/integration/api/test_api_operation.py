"""What those who run it see: health, metrics, and answers while a lesser part is down."""

import re
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from migrations.runner import MigrationEditedError, PendingMigrationError, refuse_unmigrated
from ops.stack import ports
from projections.catalogue import STORES
from tests.api_world import SHELF, Business, Places, Process, api_process, receive
from tests.parts import Database


def series(text: str, name: str, **labels: str) -> list[float]:
    """The values of all series of a name that have these labels."""
    found = []
    for line in text.splitlines():
        match = re.fullmatch(rf"{name}(?:{{(.*)}})? (\S+)", line)
        if match and all(f'{key}="{value}"' in match[1] for key, value in labels.items()):
            found.append(float(match[2]))
    return found


@pytest.fixture
def crippled(process: Process, places: Places) -> Iterator[Process]:
    """The shared store seen by an API process that reaches neither Redis nor ClickHouse."""
    nowhere = ports.choose(set())
    crippled_places = replace(
        places,
        redis_url=f"redis://127.0.0.1:{nowhere}/0",
        clickhouse_url=f"http://127.0.0.1:{nowhere}/default",
    )
    with api_process(crippled_places, projections=False) as crippled:
        yield crippled


def test_without_redis_and_clickhouse_the_rest_goes_on(crippled: Process, acme: Business) -> None:
    acme.stock_up(10)
    acme.project()
    http = replace(acme, process=crippled).http()
    ready = http.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    states = {name: part["state"] for name, part in ready.json()["parts"].items()}
    assert states == {"postgres": "up", "redis": "down", "clickhouse": "down"}
    assert http.get(f"/v1/stock/{SHELF['sku']}").json()["on_hand"] == 10
    assert http.post("/v1/commands/receive_stock", json=receive(1)).status_code == 200
    for path, part in [
        (f"/v1/availability/{SHELF['sku']}", "Redis"),
        ("/v1/movements", "ClickHouse"),
        ("/v1/analytics/top-movers?first=2011-01-01&last=2011-01-02", "ClickHouse"),
    ]:
        answer = http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), path
        assert answer.json()["detail"].startswith(part)
        assert answer.headers["Retry-After"] == "1"


def test_metrics_tell_positions_and_lag_of_every_projection(acme: Business) -> None:
    acme.stock_up(10)
    acme.project("stock_levels", "orders", "availability")
    shard = str(acme.process.log.shard(f"{acme.tenant}/main"))
    text = acme.http().get("/metrics").text
    (position,) = series(text, "eventstore_position", shard=shard)
    assert position >= 3
    for projection, behind in [("stock_levels", False), ("movements", True)]:
        (shown,) = series(text, "projection_position", projection=projection, shard=shard)
        (events,) = series(text, "projection_lag_events", projection=projection, shard=shard)
        (seconds,) = series(text, "projection_lag_seconds", projection=projection, shard=shard)
        assert shown + events == position
        assert (events > 0, seconds > 0) == (behind, behind)
    assert series(text, "outbox_pending", shard=shard) == [position]
    assert series(text, "outbox_oldest_age_seconds", shard=shard)[0] > 0
    kept_back = len(STORES) + 1  # the process managers, who park as one
    assert len(series(text, "dead_letters")) == len(series(text, "parked_streams")) == kept_back
    assert series(text, "eventstore_up") == [1.0]
    assert series(text, "http_requests_total", route="/v1/commands", status="200")[0] >= 1
    acme.project()


def test_every_metric_says_what_it_means(acme: Business) -> None:
    text = acme.http().get("/metrics").text
    named = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    told = {
        line.split()[2]
        for line in text.splitlines()
        if line.startswith("# HELP") and len(line.split()) > 4
    }
    assert named == told


def test_a_path_that_is_no_route_makes_no_series_of_its_own(acme: Business) -> None:
    http = acme.http()
    for number in range(3):
        http.get(f"/nowhere/{number}")
    text = http.get("/metrics").text
    assert "nowhere" not in text
    assert series(text, "http_requests_total", route="unknown", status="404")[0] >= 3


def test_answers_about_a_tenant_are_kept_by_no_cache(acme: Business) -> None:
    http = acme.http()
    assert http.get("/v1/items").headers["Cache-Control"] == "no-store"
    assert http.get("/v1/items").headers["X-Content-Type-Options"] == "nosniff"


def test_the_documentation_needs_no_other_host(acme: Business) -> None:
    http = acme.http(shown=False)
    page = http.get("/docs")
    assert page.status_code == 200
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert addresses
    for address in addresses:
        assert address.startswith("/"), address
        assert http.get(address).status_code == 200


def test_a_store_that_lacks_a_migration_is_not_ready(postgres_database: Database) -> None:
    refuse_unmigrated(postgres_database.read)
    refuse_unmigrated(postgres_database.log)
    with psycopg.connect(postgres_database.admin, autocommit=True) as admin:
        admin.execute("UPDATE applied_migrations SET checksum = 'x' WHERE name LIKE '0002%'")
        with pytest.raises(MigrationEditedError):
            refuse_unmigrated(postgres_database.read)
        admin.execute("DELETE FROM applied_migrations WHERE name LIKE '0002%'")
        with pytest.raises(PendingMigrationError, match="0002"):
            refuse_unmigrated(postgres_database.read)
