"""A till: reserves for the customer at the counter, sells, takes back. `python -m hub.entrypoints.demo.till ROLE.json`.

It competes with the other tills and the web shop for the same few units.
"""

import asyncio
import random
from typing import Any
from uuid import uuid4

from hub.entrypoints.demo import documents
from hub.entrypoints.demo.hub_client import HubClient, act_until_stopped
from hub.entrypoints.demo.roles import Role, pause, play

TTL_SECONDS = 60
SHORT_TTL_SECONDS = 2
KEPT_SALES = 20


async def main(role: Role, stop: asyncio.Event) -> None:
    client = HubClient(role, stop)
    try:
        await Till(client, role, stop).serve()
    finally:
        await client.close()


class Till:
    def __init__(self, client: HubClient, role: Role, stop: asyncio.Event) -> None:
        self._client = client
        self._role = role
        self._stop = stop
        self._chance = random.Random(role.seed)  # noqa: S311 (plays a cashier)
        self._sales: list[dict[str, Any]] = []

    async def serve(self) -> None:
        pace = self._role.extra["pace"]
        await act_until_stopped(self._stop, self._step, lambda: self._chance.uniform(0.1, 0.7) * pace)

    async def _step(self) -> None:
        steps = [self._reserve_and_decide, self._sell_directly, self._take_back]
        await self._chance.choices(steps, weights=[55, 30, 15])[0]()

    async def _reserve_and_decide(self) -> None:
        """Hold a unit while the customer tries it on; then sell it, put it back, or forget about it."""
        sku = self._chance.choice(self._role.extra["hot_skus"])
        ttl = self._chance.choice([SHORT_TTL_SECONDS, TTL_SECONDS, TTL_SECONDS])
        reservation = await self._hold(sku, ttl)
        await pause(self._stop, self._chance.uniform(0, 0.4))
        decision = self._chance.random()
        if ttl != TTL_SECONDS:
            return
        if decision < 0.4:  # noqa: PLR2004 (as often as not it fits)
            await self._sell(sku, reservation)
        elif decision < 0.7:  # noqa: PLR2004
            await self._commit(reservation)
        else:
            await self._settle("reservationRelease", documents.RESERVATION_RELEASE, reservation, {})

    async def _sell_directly(self) -> None:
        """Only what lies on the shelf can be carried to the till: taking it is a hold, however short."""
        sku = self._chance.choice(self._role.extra["skus"])
        await self._sell(sku, await self._hold(sku, TTL_SECONDS))

    async def _hold(self, sku: str, ttl: int) -> str:
        given = {"lines": [{"sku": sku, "quantity": 1}], "ttlSeconds": ttl}
        payload = await self._client.do(
            "reservationCreate", documents.RESERVATION_CREATE, given, facts={"units": 1, "ttl": ttl}
        )
        reservation: str = payload["reservation"]["id"]
        self._client.journal.told("reservationCreate", payload["idempotencyKey"], reservation=reservation, units=1)
        return reservation

    async def _sell(self, sku: str, reservation: str) -> None:
        person = self._chance.choice([None, *self._role.extra["customers"][:4]])
        given: dict[str, Any] = {
            "lines": [{"sku": sku, "quantity": 1}],
            "method": "HANDED_OVER",
            "locationId": self._role.extra["location"],
            "externalId": f"{self._role.name}-{uuid4()}",
            "reservationId": reservation,
            "customer": {"email": person["email"], "emailVerified": True} if person else None,
        }
        payload = await self._client.do(
            "orderPlace", documents.ORDER_PLACE, given, facts={"external_id": given["externalId"]}
        )
        order = payload["order"]
        self._client.journal.told(
            "orderPlace",
            payload["idempotencyKey"],
            order=order["id"],
            external_id=order["externalId"],
            lines={line["id"]: line["quantity"] for line in order["lines"]},
            method="HANDED_OVER",
            reservation=reservation,
            customer=(order["customer"] or {}).get("id"),
        )
        self._sales = [*self._sales, order][-KEPT_SALES:]

    async def _commit(self, reservation: str) -> None:
        await self._settle("reservationCommit", documents.RESERVATION_COMMIT, reservation, {"receiptId": str(uuid4())})

    async def _settle(self, kind: str, document: str, reservation: str, more: dict[str, Any]) -> None:
        payload = await self._client.do(kind, document, {"id": reservation, **more}, facts={"reservation": reservation})
        self._client.journal.told(kind, payload["idempotencyKey"], reservation=reservation)

    async def _take_back(self) -> None:
        if not self._sales:
            return
        order = self._sales.pop(self._chance.randrange(len(self._sales)))
        line = order["lines"][0]["id"]
        payload = await self._client.do(
            "orderReturn",
            documents.ORDER_RETURN,
            {
                "id": order["id"],
                "locationId": self._role.extra["location"],
                "lines": [{"orderLineId": line, "quantity": 1}],
            },
            facts={"order": order["id"], "line": line},
        )
        returned = payload["orderReturn"]["id"]
        self._client.journal.told("orderReturn", payload["idempotencyKey"], order_return=returned, order=order["id"])


if __name__ == "__main__":
    play(main)
