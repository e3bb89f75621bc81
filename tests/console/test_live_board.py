"""The live board in a real browser, against the whole hub: signing in, a change that arrives, a phone, the keyboard."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from hub.infra import relay
from hub.infra.database import Database
from tests.console.browser import Page, open_page
from tests.console.conftest import PASSWORD, create_operator
from tests.factories import make_channel, make_location, make_variant, set_stock

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]

PROMISE = "document.querySelector('tr[data-sku=\"SHIRT-M\"] td.promise').textContent"
CELL = "document.querySelector('tr[data-sku=\"SHIRT-M\"] td:nth-child(3) .available').textContent"
WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@dataclass
class Shop:
    url: str
    database: Database
    variant_id: UUID
    location_id: UUID

    async def count(self, quantity: int) -> None:
        """A count arrives by another road, and the relay carries its event to the subscribers."""
        await set_stock(self.database, self.variant_id, self.location_id, quantity)
        await relay.drain(self.database)


@pytest.fixture
async def shop(database: Database, served: Callable[[], AbstractAsyncContextManager[str]]) -> AsyncIterator[Shop]:
    await create_operator(database)
    async with database.write() as session:
        location_id = await make_location(session)
        await make_channel(session, locations=[location_id])
        variant_id = await make_variant(session, "SHIRT-M")
    async with served() as url:
        found = Shop(url, database, variant_id, location_id)
        await found.count(12)
        yield found


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with open_page() as opened:
        yield opened


async def sign_in(page: Page, shop: Shop, password: str = PASSWORD) -> None:
    """By keyboard alone: the form opens with its first field focused."""
    await page.open(f"{shop.url}/console/login?lang=de")
    await page.until("document.activeElement.id === 'username'")
    await page.type("ada")
    await page.press("Tab")
    await page.type(password)
    await page.press("Enter", text="\r")


async def test_a_change_of_stock_arrives_without_a_reload(page: Page, shop: Shop) -> None:
    await sign_in(page, shop)
    await page.until("location.pathname === '/console'")
    await page.until("document.getElementById('connection').dataset.state === 'live'")
    await page.until(f"{PROMISE} === '12' && {CELL} === '12'")
    await page.evaluate("window.neverReloaded = true")
    await shop.count(5)
    await page.until(f"{PROMISE} === '5' && {CELL} === '5'")
    assert await page.evaluate("window.neverReloaded")
    assert await page.evaluate("document.getElementById('value-oversold').textContent") == "0"
    assert page.problems == []


async def test_the_board_shows_its_figures_in_the_language_asked_for(page: Page, shop: Shop) -> None:
    await sign_in(page, shop)
    await page.until("document.getElementById('value-server').textContent.endsWith('ms')")
    await page.until("document.getElementById('value-browser').textContent.endsWith('ms')")
    assert await page.evaluate("document.getElementById('note-oversold').textContent") == "nichts doppelt versprochen"
    assert await page.evaluate("document.querySelector('#channels-body td').textContent") == "Shop"


async def test_a_wrong_password_is_told_in_the_form(page: Page, shop: Shop) -> None:
    await sign_in(page, shop, "not the password")
    told = "document.getElementById('problem').textContent"
    assert await page.until(told) == "Benutzername oder Passwort ist falsch."
    assert await page.evaluate("location.pathname") == "/console/login"


async def test_the_search_is_reached_and_used_by_keyboard(page: Page, shop: Shop) -> None:
    await sign_in(page, shop)
    await page.until(f"{CELL} === '12'")
    await page.evaluate("document.activeElement.blur()")
    await page.press("/", text="/")
    assert await page.evaluate("document.activeElement.id") == "stock-words"
    await page.type("nothing like this")
    await page.until("!document.getElementById('stock-empty').hidden")


@pytest.mark.parametrize(("width", "height"), [(360, 740), (1024, 600)], ids=["phone", "till"])
async def test_the_board_fits_small_screens_in_both_schemes(
    page: Page, shop: Shop, width: int, height: int, tmp_path: Path
) -> None:
    await page.resize(width, height)
    await sign_in(page, shop)
    await page.until(f"{CELL} === '12'")
    backs = set()
    for scheme in ("light", "dark"):
        await page.prefer(scheme)
        backs.add(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert not await page.evaluate(WIDE)
        await page.screenshot(tmp_path / f"{scheme}.png")
    assert len(backs) == 2


async def test_signing_out_ends_the_session(page: Page, shop: Shop) -> None:
    await sign_in(page, shop)
    await page.until(f"{CELL} === '12'")
    await page.evaluate("document.getElementById('logout').click()")
    await page.until("location.pathname === '/console/login'")
    await page.open(f"{shop.url}/console/login")
    cookies = await page.call("Network.getCookies", urls=[shop.url])
    assert "hub_session" not in json.dumps(cookies)
