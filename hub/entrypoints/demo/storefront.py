"""The web shop's front end: shoppers browse, put units into carts, order, and get their pickup codes.

`python -m hub.entrypoints.demo.storefront ROLE.json`; speaks the public API with the shop's own key.
"""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from hub.entrypoints.demo import documents
from hub.entrypoints.demo.hub_client import HubClient, StoppedError, act_until_stopped, nodes
from hub.entrypoints.demo.roles import Role, pause, play

SHOPPERS = 4
PAGE = 10
KNOWN_VARIANTS = 400
HOT_SHARE = 0.45
PICKUP_SHARE = 0.4
TTL_SECONDS = 120
SHORT_TTL_SECONDS = 2
CODE_TRIES = 60


@dataclass(slots=True)
class Shelf:
    """What the front end has seen of the catalog: prices by sku, and the latest quantity of each."""

    prices: dict[str, dict[str, str]] = field(default_factory=dict)
    quantities: dict[str, int] = field(default_factory=dict)

    def learn(self, products: list[dict[str, Any]]) -> None:
        for variant in (each for product in products for each in nodes(product["variants"])):
            if variant["price"] and len(self.prices) < KNOWN_VARIANTS:
                self.prices[variant["sku"]] = variant["price"]["amount"]
                self.quantities[variant["sku"]] = variant["availability"]["quantity"] or 0


async def main(role: Role, stop: asyncio.Event) -> None:
    client, shelf = HubClient(role, stop), Shelf()
    try:
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_watch(client, role, shelf))
            browsing = tasks.create_task(_browse(client, stop, shelf))
            shoppers = [
                tasks.create_task(Shopper(client, role, stop, shelf, role.seed + number).shop())
                for number in range(SHOPPERS)
            ]
            await asyncio.wait(shoppers)
            watching.cancel()
            browsing.cancel()
    finally:
        await client.close()


async def _browse(client: HubClient, stop: asyncio.Event, shelf: Shelf) -> None:
    """Page through the catalog, again and again."""
    after = None
    while not stop.is_set():
        try:
            data = await client.ask(documents.CATALOG_PAGE, {"first": PAGE, "after": after})
        except StoppedError:
            return
        shelf.learn(nodes(data["products"]))
        info = data["products"]["pageInfo"]
        after = info["endCursor"] if info["hasNextPage"] else None
        await pause(stop, 0.3)


async def _watch(client: HubClient, role: Role, shelf: Shelf) -> None:
    """Keep the quantities of what is scarce up to date by subscription."""
    async for news in client.watch(
        documents.AVAILABILITY_CHANGED, {"skus": role.extra["hot_skus"]}, "availabilityChanged"
    ):
        for item in news["availabilities"]:
            shelf.quantities[item["sku"]] = item["quantity"] or 0


class Shopper:
    """One person after the other in front of the shop."""

    def __init__(self, client: HubClient, role: Role, stop: asyncio.Event, shelf: Shelf, seed: int) -> None:
        self._client = client
        self._role = role
        self._stop = stop
        self._shelf = shelf
        self._chance = random.Random(seed)  # noqa: S311 (plays a shopper)

    async def shop(self) -> None:
        pace = self._role.extra["pace"]
        await act_until_stopped(self._stop, self._visit, lambda: self._chance.uniform(0.1, 0.6) * pace)

    async def _visit(self) -> None:
        lines = await self._choose()
        if not lines:
            return
        pickup = self._chance.choice(self._role.extra["pickup_locations"])
        collects = self._chance.random() < PICKUP_SHARE
        delivery = {"method": "PICKUP", "pickupLocationId": pickup} if collects else {"method": "SHIP"}
        mood = self._chance.random()
        ttl = SHORT_TTL_SECONDS if mood < 0.12 else TTL_SECONDS  # noqa: PLR2004 (one in eight walks away)
        reservation = await self._reserve(lines, delivery, ttl)
        if mood < 0.12:  # noqa: PLR2004
            return
        if mood < 0.2:  # noqa: PLR2004 (one in twelve empties the cart)
            await self._release(reservation)
            return
        await pause(self._stop, self._chance.uniform(0, 0.5))
        await self._order(lines, delivery, reservation)

    async def _choose(self) -> list[dict[str, Any]]:
        """One to three skus that the shelf shows as in stock; often one of those that everybody wants."""
        known = [sku for sku, quantity in self._shelf.quantities.items() if quantity > 0]
        if not known:
            return []
        chosen = {self._chance.choice(known): self._chance.randint(1, 2) for _ in range(self._chance.randint(1, 2))}
        if self._chance.random() < HOT_SHARE:
            chosen = {self._chance.choice(self._role.extra["hot_skus"]): 1}
        return [{"sku": sku, "quantity": quantity} for sku, quantity in chosen.items()]

    async def _reserve(self, lines: list[dict[str, Any]], delivery: dict[str, str], ttl: int) -> str:
        given = {"lines": lines, "ttlSeconds": ttl, **delivery}
        units = sum(line["quantity"] for line in lines)
        payload = await self._client.do(
            "reservationCreate", documents.RESERVATION_CREATE, given, facts={"units": units, "ttl": ttl}
        )
        found: str = payload["reservation"]["id"]
        self._client.journal.told("reservationCreate", payload["idempotencyKey"], reservation=found, units=units)
        return found

    async def _release(self, reservation: str) -> None:
        payload = await self._client.do(
            "reservationRelease",
            documents.RESERVATION_RELEASE,
            {"id": reservation},
            facts={"reservation": reservation},
        )
        self._client.journal.told("reservationRelease", payload["idempotencyKey"], reservation=reservation)

    async def _order(self, lines: list[dict[str, Any]], delivery: dict[str, str], reservation: str) -> None:
        person = self._chance.choice(self._role.extra["customers"])
        given = {
            "lines": [await self._priced(line) for line in lines],
            "reservationId": reservation,
            "customer": {"email": person["email"], "emailVerified": True, "firstName": person["name"]},
            **delivery,
        }
        if delivery["method"] == "SHIP":
            given |= {"destination": person["home"], "shipTo": {"name": person["name"], **person["address"]}}
        payload = await self._client.do(
            "orderPlace", documents.ORDER_PLACE, given, facts={"reservation": reservation, "method": delivery["method"]}
        )
        order = payload["order"]
        self._client.journal.told(
            "orderPlace",
            payload["idempotencyKey"],
            order=order["id"],
            external_id=order["externalId"],
            lines={line["id"]: line["quantity"] for line in order["lines"]},
            method=delivery["method"],
            reservation=reservation,
        )
        await self._points(order["customer"])
        if delivery["method"] == "PICKUP":
            await self._fetch_code(order["id"])

    async def _priced(self, line: dict[str, Any]) -> dict[str, Any]:
        sku = line["sku"]
        if sku not in self._shelf.prices:
            data = await self._client.ask(documents.PRICES, {"sku": sku})
            self._shelf.prices[sku] = data["variant"]["price"]["amount"]
        return line | {"unitPrice": self._shelf.prices[sku]}

    async def _points(self, customer: dict[str, str] | None) -> None:
        """Look at the balance, as "my account" does, and remember the movements that it shows."""
        if customer is None:
            return
        data = await self._client.ask(documents.POINTS, {"id": customer["id"]})
        shown = [entry["id"] for entry in nodes(data["customer"]["loyaltyHistory"])]
        self._client.journal.told("points", "", customer=customer["id"], movements=shown)

    async def _fetch_code(self, order: str) -> None:
        """Wait until the order found its store, and give the customer the code."""
        for _ in range(CODE_TRIES):
            data = await self._client.ask(documents.PICKUP_CODES, {"id": order})
            parts = data["order"]["fulfillmentOrders"]
            for part in parts:
                if part["pickupCode"]:
                    (self._role.codes / part["id"]).write_text(part["pickupCode"])
            if parts or self._stop.is_set():
                return
            await pause(self._stop, 0.3)


if __name__ == "__main__":
    play(main)
