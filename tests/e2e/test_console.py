"""The console in a real browser: who may see, what is found, and that numbers live."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.api_world import SHELF, receive, register_location
from tests.e2e.conftest import Stack

pytestmark = [pytest.mark.browser]

SEEN_MILLISECONDS_MAX = 20_000
ITEMS = {"85123A": "White hanging heart", "22423": "Regency cakestand", "A/1": "Slash"}


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(SEEN_MILLISECONDS_MAX)
    expect.set_options(timeout=SEEN_MILLISECONDS_MAX)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    outside: list[str] = []
    page.on("request", lambda request: outside.append(request.url))
    yield page
    context.close()
    assert faults == []
    assert all("//127.0.0.1:" in url or url.startswith("data:") for url in outside)


@pytest.fixture(scope="module")
def shop(stack: Stack) -> str:
    """The API key of a tenant with three items, ten units and an order."""
    api_key = stack.tenant("console")
    commands: list[dict[str, Any]] = [
        {"type": "register_item", "key": f"item-{sku}", "sku": sku, "name": name}
        for sku, name in ITEMS.items()
    ]
    commands += [dict(register_location("hall")), dict(receive(10))]
    line = {"line": 1, **SHELF, "quantity": 4, "unit_price_micros": 2_550_000}
    order = {"type": "place_order", "key": "o-1", "order_id": "SO-1", "currency": "GBP"}
    commands.append({**order, "lines": [line]})
    with stack.client(api_key) as client:
        bulk = client.submit_bulk(commands)
        assert all(each.accepted for each in bulk.results), bulk
        client.wait_for(bulk.token)
    return api_key


def sign_in(page: Page, stack: Stack, api_key: str) -> None:
    page.goto(f"{stack.facts['api']}/console/login#{api_key}")
    page.wait_for_url("**/console/")


def test_without_a_key_nothing_is_shown(page: Page, stack: Stack) -> None:
    for path in ("", "stock", "items/85123A", "orders", "orders/SO-1", "read-models"):
        page.goto(f"{stack.facts['api']}/console/{path}")
        expect(page).to_have_url(f"{stack.facts['api']}/console/login")
    page.get_by_label("API key").fill("bs_live_nobody_" + "x" * 40)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing is shown")


def test_numbers_change_when_a_command_was_accepted(page: Page, stack: Stack, shop: str) -> None:
    sign_in(page, stack, shop)
    units_in = page.get_by_test_id("Units in")
    expect(units_in).to_have_text("10")
    expect(page.get_by_test_id("Orders")).to_have_text("1")
    with stack.client(shop) as client:
        assert client.submit(receive(5, key="r-live")).accepted
    expect(units_in).to_have_text("15")
    expect(page.get_by_test_id("Units on hand")).to_have_text("15")


def test_an_item_is_found_by_keyboard_and_shown_by_location(
    page: Page, stack: Stack, shop: str
) -> None:
    sign_in(page, stack, shop)
    page.get_by_role("link", name="Stock").press("Enter")
    search = page.get_by_label("SKU or words of the name")
    expect(search).to_be_focused()
    page.keyboard.type("heart white")
    expect(page.get_by_role("link", name="85123A")).to_be_visible()
    expect(page.get_by_role("link", name="22423")).to_have_count(0)
    page.get_by_role("link", name="85123A").press("Enter")
    page.wait_for_url("**/console/items/85123A")
    expect(page.get_by_role("heading", level=1)).to_have_text("85123A")
    hall = page.get_by_role("row").filter(has_text="hall").first
    expect(hall).to_contain_text("4")
    expect(page.get_by_text("White hanging heart")).to_be_visible()


def test_an_item_whose_sku_has_a_slash_has_its_page(page: Page, stack: Stack, shop: str) -> None:
    sign_in(page, stack, shop)
    page.goto(f"{stack.facts['api']}/console/stock")
    page.get_by_role("link", name="A/1").click()
    expect(page.get_by_text("Slash · active")).to_be_visible()


def test_orders_and_one_with_its_lines_are_shown(page: Page, stack: Stack, shop: str) -> None:
    sign_in(page, stack, shop)
    page.get_by_role("link", name="Orders").click()
    page.get_by_role("link", name="SO-1").click()
    expect(page.get_by_test_id("Status")).to_have_text("allocated")
    expect(page.get_by_test_id("Total")).to_have_text("10.20 GBP")
    expect(page.get_by_role("link", name="85123A")).to_be_visible()


def test_every_read_model_says_in_words_how_old_it_is(page: Page, stack: Stack, shop: str) -> None:
    sign_in(page, stack, shop)
    page.get_by_role("link", name="Read models").click()
    for name in ("stock_levels", "orders", "documents", "availability", "movements"):
        row = page.get_by_role("row").filter(has_text=name)
        expect(row).to_contain_text("✔ up to date")


def test_dark_mode_follows_the_system(page: Page, stack: Stack, shop: str) -> None:
    sign_in(page, stack, shop)
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector("body.body--dark")
    page.emulate_media(color_scheme="light")
    page.wait_for_selector("body.body--light")
