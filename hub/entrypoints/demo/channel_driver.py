"""Buyers in the simulated channels: it makes them sell, and has their webhooks delivered once, twice or late.

`python -m hub.entrypoints.demo.channel_driver ROLE.json`; it talks to the simulators only, which talk to the hub.
"""

import asyncio
import random
from http import HTTPStatus
from typing import Any, Final

import httpx

from hub.entrypoints.demo.journal import Journal
from hub.entrypoints.demo.roles import Role, pause, play

KEEP_UNITS: Final = 4
"""Neither system asks the hub before it sells: the demo's buyers leave this many units untouched."""
DUPLICATE_SHARE: Final = 0.4
LATE_SHARE: Final = 0.15
SHIPMENT_SHARE: Final = 0.3


async def main(role: Role, stop: asyncio.Event) -> None:
    journal = Journal(role.journal_path, role.name)
    async with httpx.AsyncClient(timeout=60) as client, asyncio.TaskGroup() as tasks:
        tasks.create_task(WooCommerceBuyers(client, role, stop, journal).buy())
        tasks.create_task(SquareBuyers(client, role, stop, journal).buy())


class _Buyers:
    """One channel's buyers."""

    channel: str

    def __init__(self, client: httpx.AsyncClient, role: Role, stop: asyncio.Event, journal: Journal) -> None:
        self._client = client
        self._role = role
        self._stop = stop
        self._journal = journal
        self._chance = random.Random(f"{role.seed} {self.channel}")  # noqa: S311 (plays buyers)
        self._url: str = role.extra[self.channel]["url"]

    async def buy(self) -> None:
        while not self._stop.is_set():
            await self._one()
            await pause(self._stop, self._chance.uniform(0.4, 1.6) * self._role.extra["pace"])

    async def _one(self) -> None:
        raise NotImplementedError

    async def _call(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self._client.post(f"{self._url}/_simulator/{action}", json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def _state(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self._client.get(f"{self._url}/_simulator/state")).json()
        return found

    def _note(self, order: str, statuses: list[int | None]) -> None:
        """The order exists in the channel; an acknowledged webhook is a promise of the hub's."""
        taken = any(map(_is_taken, statuses))
        self._journal.told("channelOrder", "", channel=self.channel, external_id=order, acknowledged=taken)


class WooCommerceBuyers(_Buyers):
    channel = "woocommerce"

    async def _one(self) -> None:
        stock = (await self._state())["stock"]
        skus = [sku for sku, units in stock.items() if units > KEEP_UNITS and sku not in self._role.extra["hot_skus"]]
        if not skus:
            return
        person = self._chance.choice(self._role.extra["customers"])
        lines = [{"sku": sku, "quantity": self._chance.randint(1, 2)} for sku in self._chance.sample(skus, 1)]
        late = self._chance.random() < LATE_SHARE
        sale = {"lines": lines, "customer_id": person["number"], "deliver": not late, **_addresses(person)}
        sold = await self._call("sell", sale)
        order = str(sold["order"]["id"])
        if late:
            await pause(self._stop, 1)
            sold = await self._call("deliver", {})
        statuses = [each["status"] for each in sold["deliveries"]]
        self._note(order, [each["status"] for each in sold["deliveries"] if str(each["id"]) == order])
        if self._chance.random() < DUPLICATE_SHARE:
            await self._call("redeliver", {"order_id": int(order), "times": self._chance.randint(1, 4)})
        if not statuses or not all(map(_is_taken, statuses)):
            await self._subscribe_again()

    async def _subscribe_again(self) -> None:
        """The store gives a webhook up after some failures; its operator switches it on again."""
        hook = self._role.extra[self.channel]["hook"]
        await self._call("hook", hook)


class SquareBuyers(_Buyers):
    channel = "square"

    async def _one(self) -> None:
        stock = (await self._state())["stock"]
        hot = self._role.extra["hot_skus"]
        places = [
            (sku, place)
            for sku, counts in stock.items()
            for place, units in counts.items()
            if units > KEEP_UNITS and sku not in hot
        ]
        if not places:
            await self._call("deliver", {})
            return
        sku, place = self._chance.choice(places)
        person = self._chance.choice(self._role.extra["customers"])
        sale = {
            "lines": [{"sku": sku, "quantity": 1}],
            "location_id": place,
            "customer_id": f"SQ{person['number']:06d}",
        }
        if self._chance.random() < SHIPMENT_SHARE:
            sale |= {"fulfillment": "SHIPMENT", "recipient": _recipient(person)}
        sold = await self._call("sell", sale)
        deliveries = [each for each in sold["deliveries"] if each["topic"] == "order.created"]
        self._note(sold["order"]["id"], [each["status"] for each in deliveries])
        taken = [each for each in deliveries if each["status"] == HTTPStatus.OK]
        if taken and self._chance.random() < DUPLICATE_SHARE:
            event = taken[-1]["event_id"]
            await self._call("redeliver", {"event_id": event, "times": self._chance.randint(1, 4)})


def _is_taken(status: int | None) -> bool:
    return status is not None and status < HTTPStatus.MULTIPLE_CHOICES


def _addresses(person: dict[str, Any]) -> dict[str, Any]:
    home = person["address"]
    names = {"first_name": person["name"], "last_name": person["last_name"]}
    address = {
        "address_1": home["line1"],
        "city": home["city"],
        "postcode": home["postalCode"],
        "country": home["countryCode"],
    }
    return {"billing": names | address | {"email": person["email"]}, "shipping": names | address}


def _recipient(person: dict[str, Any]) -> dict[str, Any]:
    home = person["address"]
    return {
        "display_name": f"{person['name']} {person['last_name']}",
        "email_address": person["email"],
        "address": {
            "address_line_1": home["line1"],
            "locality": home["city"],
            "postal_code": home["postalCode"],
            "country": home["countryCode"],
        },
    }


if __name__ == "__main__":
    play(main)
