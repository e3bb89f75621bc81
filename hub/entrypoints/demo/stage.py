"""The demo's parts together: simulators, a filled hub, and the clients as processes of their own."""

import asyncio
import json
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from hub.channel_sync import publishing_status
from hub.entrypoints.demo import cast
from hub.entrypoints.demo.agreement import Agreement, compare_channels, sweep_orders
from hub.entrypoints.demo.catalog_data import demo_products
from hub.entrypoints.demo.children import Children
from hub.entrypoints.demo.journal import Entry, read_journals
from hub.entrypoints.demo.roles import Role
from hub.entrypoints.demo.seed import Seeded, Simulated, seed
from hub.entrypoints.demo.simulated_catalogs import square_catalog, woocommerce_catalog
from hub.infra.database import Database
from hub.infra.sealing import load_sealer
from hub.infra.settings import Settings
from hub.kernel.errors import UnavailableError
from hub_graphql.ids import global_id

CUSTOMERS = 40
LISTING_SECONDS = 60.0
PUBLISHING_SECONDS = 60.0
PACKAGE = "hub.entrypoints.demo"


class DemoStuckError(UnavailableError):
    code = "DEMO_STUCK"


@dataclass(slots=True)
class Stage:
    """Everything of one demo on one hub. `pace` stretches the clients' pauses: 1 is lively."""

    settings: Settings
    database: Database
    url: str
    directory: Path
    children: Children
    pace: float = 1.0
    seed: int = 7
    simulated: dict[str, Simulated] = field(default_factory=dict)
    seeded: Seeded | None = None

    @property
    def retailer(self) -> Seeded:
        if self.seeded is None:
            raise DemoStuckError("set the stage first")
        return self.seeded

    async def set_up(self) -> Seeded:
        """Start the simulators, fill the hub, and wait until both channels show its stock."""
        for name in ("journals", "codes"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        products = demo_products()
        self._simulate(cast.WOOCOMMERCE, "adapters.woocommerce.simulator", woocommerce_catalog(products))
        places = [f"--location={external}={code}" for code, external in cast.SQUARE_PLACES.items()]
        self._simulate(cast.SQUARE, "adapters.square.simulator", square_catalog(products), *places)
        self.seeded = await seed(
            self.database,
            load_sealer(self.settings),
            self.directory,
            url=self.url,
            simulated=self.simulated,
        )
        await self._listed()
        await self._until(self._agrees, PUBLISHING_SECONDS)
        await self._hook_up()
        return self.seeded

    def open(self) -> None:
        """Start the clients."""
        for role, module in self._roles():
            self.children.start(role.name, f"{PACKAGE}.{module}", str(role.write()))

    async def close(self, *, drain_seconds: float) -> None:
        """Send the buyers home, let the stores finish what is in their queues, then send the staff home."""
        await asyncio.to_thread(self.children.stop, *cast.BUYING)
        await self._until(self._queues_are_empty, drain_seconds)
        await asyncio.to_thread(self.children.stop, cast.STAFF)

    def journals(self) -> list[Entry]:
        return list(read_journals(self.directory / "journals"))

    async def settle(self, seconds: float) -> tuple[Agreement, Agreement]:
        """Wait until the channels show what the hub has and nothing is under way; or for so long."""
        await sweep_orders(self.database)
        await self._until(self._agrees, seconds)
        return await self.compare()

    async def compare(self) -> tuple[Agreement, Agreement]:
        urls = {code: simulated.url for code, simulated in self.simulated.items()}
        return await compare_channels(self.database, self.retailer.channels, urls)

    def _simulate(self, code: str, module: str, catalog: list[dict[str, Any]], *more: str) -> None:
        path = self.directory / f"{code}.json"
        path.write_text(json.dumps(catalog), encoding="utf-8")
        started = self.children.start_listening(
            code, module, "--catalog", str(path), "--currency", cast.CURRENCY, *more
        )
        self.simulated[code] = Simulated(started["url"], secrets.token_urlsafe(24))

    async def _listed(self) -> None:
        wanted = sum(len(entry["variations"]) for entry in square_catalog(demo_products()))

        async def complete() -> bool:
            async with self.database.read() as session:
                found = await session.execute(
                    text("SELECT count(*) FROM listings WHERE channel_id = :id"),
                    {"id": self.retailer.channels[cast.SQUARE]},
                )
            return bool(found.scalar_one() == wanted)

        if not await self._until(complete, LISTING_SECONDS):
            raise DemoStuckError("the hub did not pull Square's catalog; see the worker's log")

    async def _hook_up(self) -> None:
        async with httpx.AsyncClient(timeout=30) as client:
            for code, simulated in self.simulated.items():
                answer = await client.post(f"{simulated.url}/_simulator/hook", json=self._hook(code))
                answer.raise_for_status()

    def _hook(self, code: str) -> dict[str, str]:
        name = "secret" if code == cast.WOOCOMMERCE else "signature_key"
        return {"url": f"{self.url}/webhooks/{code}", name: self.simulated[code].secret}

    def _roles(self) -> list[tuple[Role, str]]:
        people = cast.customers(CUSTOMERS)
        places = {code: global_id("Location", key) for code, key in self.retailer.locations.items()}
        hot = list(self.retailer.hot_skus)
        shared = {"pace": self.pace, "customers": people, "hot_skus": hot}
        pickups = [places[code] for code in sorted(set(cast.TILL_PLACES))]
        roles = [(self._role("storefront", shared | {"pickup_locations": pickups}), "storefront")]
        for number, place in enumerate(cast.TILL_PLACES, start=1):
            extra = shared | {"location": places[place], "skus": list(self.retailer.till_skus[place])}
            roles.append((self._role(f"till-{number}", extra), "till"))
        stores = [{"location": places[code], "token": self.retailer.tokens[code]} for code in places]
        roles.append((self._role(cast.STAFF, {"pace": self.pace, "places": stores}), "store_staff"))
        channels = {
            "woocommerce": {"url": self.simulated[cast.WOOCOMMERCE].url, "hook": self._hook(cast.WOOCOMMERCE)},
            "square": {"url": self.simulated[cast.SQUARE].url},
        }
        roles.append((self._role("channel-buyers", shared | channels), "channel_driver"))
        return roles

    def _role(self, name: str, extra: dict[str, Any]) -> Role:
        token = self.retailer.tokens.get(name, "")
        number = self.seed * 1000 + sum(name.encode())
        return Role(name, self.url, token, str(self.directory), number, extra)

    async def _queues_are_empty(self) -> bool:
        """Nothing waits for routing or for staff, except where a customer does not come."""
        async with self.database.read() as session:
            waiting = await session.execute(
                text(
                    "SELECT (SELECT count(*) FROM fulfillment_orders WHERE status IN ('OPEN', 'IN_PROGRESS')"
                    " OR (status = 'READY' AND method = 'SHIP'))"
                    " + (SELECT count(*) FROM work_items WHERE state IN ('READY', 'RUNNING') AND kind = 'order.route')"
                )
            )
        return bool(waiting.scalar_one() == 0)

    async def _agrees(self) -> bool:
        if not all(agreement.whole for agreement in await self.compare()):
            return False
        async with self.database.read() as session:
            for code in (cast.WOOCOMMERCE, cast.SQUARE):
                status = await publishing_status(session, self.retailer.channels[code])
                if status.dirty:
                    return False
        return True

    async def _until(self, done: Any, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if await done():
                    return True
            except (UnavailableError, SQLAlchemyError, OSError, httpx.TransportError):
                pass
            await asyncio.sleep(0.5)
        return False


@contextmanager
def stage_of(settings: Settings, database: Database, url: str, log_directory: Path, **more: Any) -> Iterator[Stage]:
    """A stage whose processes end with the block, however it ends."""
    directory = settings.data_dir.resolve() / "demo"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    children = Children(log_directory)
    try:
        yield Stage(settings, database, url, directory, children, **more)
    finally:
        children.stop()
