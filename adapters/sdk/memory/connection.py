"""The reference connection: every capability of the contract, as short as it can be."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import httpx

from adapters.sdk.errors import ContractBroken, Rejected
from adapters.sdk.memory.channel import MAX_STOCK_ROWS, MemoryChannel
from adapters.sdk.memory.mapping import (
    read_order,
    read_product,
    read_result,
    shipment_json,
    stock_row,
    update_row,
)
from adapters.sdk.memory.settings import MemorySettings
from adapters.sdk.pages import readable_page
from adapters.sdk.reading import Reader
from adapters.sdk.signatures import Encoding, check_fresh, check_sha256
from adapters.sdk.stock_traits import StockTraits
from adapters.sdk.transport import Answer, ChannelTransport, Json, RateLimit, read_json
from adapters.sdk.types import (
    ChannelHealth,
    ChannelOrder,
    ChannelProduct,
    EventTopic,
    ListingRef,
    OrderState,
    Page,
    RawWebhook,
    Shipment,
    StockReading,
    StockResult,
    StockUpdate,
    VerifiedEvent,
)
from hub.kernel.clock import utc_now

_NOT_FOUND: Final = 404
_TOPICS: Final = {"order": EventTopic.ORDER, "product": EventTopic.PRODUCT, "ping": EventTopic.IGNORED}


class MemoryConnection:
    def __init__(self, settings: MemorySettings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._secret = settings.webhook_secret.get_secret_value()
        self._traits = StockTraits(per_location=settings.per_location, compares=settings.compares_stock)
        self._http = ChannelTransport(
            "https://memory.invalid",
            headers={"authorization": f"Bearer {settings.token.get_secret_value()}"},
            rate_limit=RateLimit(per_second=10_000, burst=10_000),
            transport=transport or MemoryChannel.named(settings.channel),
        )

    async def close(self) -> None:
        await self._http.close()

    async def check(self) -> ChannelHealth:
        account = Reader((await self._http.request("GET", "/account")).json)
        return ChannelHealth(ok=True, detail="the channel answers", external_account=account.text("name"))

    def verify(self, webhook: RawWebhook, *, now: datetime) -> VerifiedEvent:
        sent_at = webhook.headers.get("memory-sent-at", "")
        check_sha256(
            sent_at.encode() + b"." + webhook.body,
            webhook.headers.get("memory-signature"),
            secrets=[self._secret],
            encoding=Encoding.HEX,
        )
        check_fresh(Reader({"sent_at": sent_at}, "$headers").instant("sent_at"), now=now)
        content = Reader(read_json(webhook.body))
        topic, order = content.text("topic"), content.object_or_none("order")
        return VerifiedEvent(
            event_id=content.identifier("id"),
            topic=_TOPICS.get(topic.partition(".")[0], EventTopic.UNKNOWN),
            external_topic=topic,
            external_id=order.identifier("id") if order else None,
            occurred_at=order.instant("modified") if order else None,
        )

    def orders_in(self, event: VerifiedEvent, body: bytes) -> tuple[ChannelOrder, ...]:
        order = Reader(read_json(body)).object_or_none("order")
        return (read_order(order),) if order and event.topic is EventTopic.ORDER else ()

    async def pull_products(self, *, cursor: str | None, modified_after: datetime | None) -> Page[ChannelProduct]:
        currency = Reader((await self._http.request("GET", "/account")).json).text("currency")
        page = await self._page("/products", cursor, modified_after or datetime(1970, 1, 1, tzinfo=UTC))
        return readable_page(page.required_list("items"), lambda one: read_product(one, currency), _next(page))

    async def pull_orders(self, *, cursor: str | None, modified_after: datetime) -> Page[ChannelOrder]:
        page = await self._page("/orders", cursor, modified_after)
        return readable_page(page.required_list("items"), read_order, _next(page))

    async def pull_order(self, external_id: str) -> ChannelOrder | None:
        answer = await self._order(external_id)
        return None if answer.status == _NOT_FOUND else read_order(Reader(answer.json))

    @property
    def stock_batch_size(self) -> int:
        return MAX_STOCK_ROWS

    @property
    def stock_traits(self) -> StockTraits:
        return self._traits

    async def publish_stock(self, updates: Sequence[StockUpdate]) -> tuple[StockResult, ...]:
        if not updates:
            return ()
        rows = await self._rows("/stock", [self._update_row(update) for update in updates])
        return tuple(read_result(update, row) for update, row in zip(updates, rows, strict=True))

    async def read_stock(self, refs: Sequence[ListingRef]) -> tuple[StockReading, ...]:
        rows = await self._rows("/stock/read", [stock_row(ref) for ref in refs])
        read_at = utc_now()
        return tuple(
            StockReading(ref, row.integer_or_none("quantity"), read_at) for ref, row in zip(refs, rows, strict=True)
        )

    async def acknowledge_order(self, external_id: str, *, hub_order_number: str) -> None:
        await self._change(external_id, {"hub_order": hub_order_number})

    async def push_fulfillment(self, shipment: Shipment) -> None:
        """Shipments are kept by their key, so a repetition overwrites itself."""
        if await self._state(shipment.external_order_id) is OrderState.CANCELLED:
            raise Rejected("the order is cancelled", field="external_order_id")
        changes: dict[str, Json] = {"shipments": {shipment.idempotency_key: shipment_json(shipment)}}
        if shipment.completes_order:
            changes["state"] = OrderState.COMPLETED
        await self._change(shipment.external_order_id, changes)

    async def cancel_order(self, external_id: str, *, reason: str, idempotency_key: str) -> None:  # noqa: ARG002
        if await self._state(external_id) is OrderState.COMPLETED:
            raise Rejected("the order is completed", field="external_id")
        await self._change(external_id, {"state": OrderState.CANCELLED, "note": reason})

    def _update_row(self, update: StockUpdate) -> Json:
        return update_row(update if self._traits.compares else replace(update, observed=None))

    async def _order(self, external_id: str) -> Answer:
        return await self._http.request("GET", f"/orders/{external_id}", accept=(_NOT_FOUND,))

    async def _state(self, external_id: str) -> OrderState | None:
        order = await self.pull_order(external_id)
        return None if order is None else order.state

    async def _change(self, external_id: str, changes: Json) -> None:
        await self._http.request("PUT", f"/orders/{external_id}", json=changes)

    async def _page(self, path: str, cursor: str | None, since: datetime) -> Reader:
        params = {"since": since.isoformat()} | ({"cursor": cursor} if cursor else {})
        return Reader((await self._http.request("GET", path, params=params)).json)

    async def _rows(self, path: str, rows: list[Json]) -> list[Reader]:
        """One answer row per row sent, in order; absolute writes and readings may be repeated."""
        answer = Reader((await self._http.request("POST", path, json={"rows": rows}, idempotent=True)).json)
        answered = list(answer.required_list("rows"))
        if len(answered) != len(rows):
            raise ContractBroken(f"{len(rows)} rows were sent, {len(answered)} answered", path="$.rows")
        return answered


def _next(page: Reader) -> str | None:
    return page.identifier("next") if page.has("next") else None
