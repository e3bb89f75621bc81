"""The people in the stores and warehouses: they watch their queue, pick, ship and hand over.

`python -m hub.entrypoints.demo.store_staff ROLE.json`; one credential per location, bound to it.
"""

import asyncio
import random
from typing import Any

from hub.entrypoints.demo import documents
from hub.entrypoints.demo.hub_client import HubClient, RefusedError, StoppedError, nodes
from hub.entrypoints.demo.journal import Journal
from hub.entrypoints.demo.roles import Role, pause, play

REJECT_SHARE = 0.08
WRONG_CODE_SHARE = 0.1
LOOK_AGAIN_SECONDS = 1.0
AT_WORK = ("OPEN", "IN_PROGRESS", "READY")


async def main(role: Role, stop: asyncio.Event) -> None:
    journal = Journal(role.journal_path, role.name)
    async with asyncio.TaskGroup() as tasks:
        for number, place in enumerate(role.extra["places"]):
            tasks.create_task(Store(role, stop, journal, place, role.seed + number).open())


class Store:
    """The staff of one location. The subscription says what is to do; a look at the queue finds what it missed."""

    def __init__(self, role: Role, stop: asyncio.Event, journal: Journal, place: dict[str, str], seed: int) -> None:
        self._role = role
        self._stop = stop
        self._place = place
        self._client = HubClient(role, stop, token=place["token"], journal=journal)
        self._chance = random.Random(seed)  # noqa: S311 (plays a store)
        self._queue: dict[str, dict[str, Any]] = {}
        self._news = asyncio.Event()

    async def open(self) -> None:
        watching = asyncio.create_task(self._watch())
        try:
            while not self._stop.is_set():
                await self._work_through()
                await self._wait_for_news()
        except StoppedError:
            return
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await self._client.close()

    async def _watch(self) -> None:
        variables = {"locationId": self._place["location"]}
        async for news in self._client.watch(documents.QUEUE, variables, "fulfillmentOrderChanged"):
            for item in news["fulfillmentOrders"]:
                self._queue[item["id"]] = item
            self._news.set()

    async def _wait_for_news(self) -> None:
        waiting = asyncio.create_task(self._news.wait())
        stopping = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait(
            {waiting, stopping}, timeout=LOOK_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        for task in (waiting, stopping):
            task.cancel()
        self._news.clear()
        if not done:
            data = await self._client.ask(documents.QUEUE_PAGE, {"statuses": list(AT_WORK)})
            self._queue = {item["id"]: item for item in nodes(data["fulfillmentOrders"])}

    async def _work_through(self) -> None:
        for item in list(self._queue.values()):
            if self._stop.is_set():
                return
            try:
                await self._move_on(item)
            except RefusedError:
                self._queue.pop(item["id"], None)
            await pause(self._stop, 0.02 * self._role.extra["pace"])

    async def _move_on(self, item: dict[str, Any]) -> None:
        match item["status"]:
            case "OPEN" if item["method"] == "SHIP" and self._chance.random() < REJECT_SHARE:
                reason = self._chance.choice(["TOO_BUSY", "TOO_BUSY", "OTHER"])
                await self._step("fulfillmentOrderReject", documents.REJECT, item, {"reason": reason})
            case "OPEN":
                await self._step("fulfillmentOrderAccept", documents.ACCEPT, item, {})
            case "IN_PROGRESS":
                await self._step("fulfillmentOrderReady", documents.READY, item, {})
            case "READY" if item["method"] == "PICKUP":
                await self._hand_over(item)
            case "READY":
                tracking = {"carrier": "Parcel Service", "trackingNumber": f"PS{item['number']:010d}"}
                await self._step("fulfillmentOrderShip", documents.SHIP, item, tracking)
            case _:
                self._queue.pop(item["id"], None)

    async def _hand_over(self, item: dict[str, Any]) -> None:
        """The customer comes once the shop has told the code, and sometimes misreads it first."""
        code = self._role.codes / item["id"]
        if not code.exists():
            return
        if self._chance.random() < WRONG_CODE_SHARE:
            try:
                await self._step("fulfillmentOrderCollect", documents.COLLECT, item, {"code": "000000"})
            except RefusedError:
                pass
            else:
                return
        await self._step("fulfillmentOrderCollect", documents.COLLECT, item, {"code": code.read_text()})

    async def _step(self, kind: str, document: str, item: dict[str, Any], more: dict[str, str]) -> None:
        facts = {"fulfillment_order": item["id"]}
        payload = await self._client.do(kind, document, {"id": item["id"], **more}, facts=facts)
        now = payload["fulfillmentOrder"]
        self._client.journal.told(kind, payload["idempotencyKey"], **facts, status=now["status"])
        self._queue[item["id"]] = item | now


if __name__ == "__main__":
    play(main)
