"""One store's live connection: every capability that WooCommerce has."""

import json
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

import httpx

from adapters.sdk.errors import Rejected
from adapters.sdk.pages import readable_page
from adapters.sdk.types import (
    ChannelHealth,
    ChannelOrder,
    ChannelProduct,
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
from adapters.woocommerce import stock, webhooks
from adapters.woocommerce.client import BATCH_SIZE, WooCommerceClient
from adapters.woocommerce.mapping import order_state, read_order
from adapters.woocommerce.paging import cut, start_at
from adapters.woocommerce.products import has_variations, read_product
from adapters.woocommerce.settings import WooCommerceSettings


class WooCommerceConnection:
    def __init__(self, settings: WooCommerceSettings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._client = WooCommerceClient(settings, transport=transport)
        self._currency = settings.currency

    async def close(self) -> None:
        await self._client.close()

    async def check(self) -> ChannelHealth:
        currency, orders = await self._client.currency(), await self._client.count_orders()
        expected = self._settings.currency
        ok = expected in {None, currency}
        detail = f"WooCommerce answers; prices are in {currency}; {orders} orders are visible"
        return ChannelHealth(
            ok=ok,
            detail=detail if ok else f"{detail}, but the channel is set up for {expected}",
            external_account=urlsplit(self._settings.base_url).netloc,
        )

    def verify(self, webhook: RawWebhook, *, now: datetime) -> VerifiedEvent:  # noqa: ARG002 (no time is signed)
        return webhooks.verify(webhook, self._settings.webhook_secrets)

    def orders_in(self, event: VerifiedEvent, body: bytes) -> tuple[ChannelOrder, ...]:
        order = webhooks.full_order(event, body)
        return () if order is None else (read_order(order, self._settings),)

    async def pull_products(self, *, cursor: str | None, modified_after: datetime | None) -> Page[ChannelProduct]:
        """A variation's own change is found only when the store touches its product too."""
        at = start_at(cursor, modified_after)
        entries, more = await self._client.modified("products", after=at.after, page=at.page)
        complete, following = cut(entries, at, more=more)
        currency = await self._store_currency()
        variations = {
            entry.path: await self._client.variations(entry.identifier("id"))
            for entry in complete
            if has_variations(entry)
        }
        return readable_page(
            complete,
            lambda entry: read_product(
                entry, variations.get(entry.path, ()), currency=currency, settings=self._settings
            ),
            following,
        )

    async def pull_orders(self, *, cursor: str | None, modified_after: datetime) -> Page[ChannelOrder]:
        at = start_at(cursor, modified_after)
        entries, more = await self._client.modified("orders", after=at.after, page=at.page)
        complete, following = cut(entries, at, more=more)
        return readable_page(complete, lambda entry: read_order(entry, self._settings), following)

    async def pull_order(self, external_id: str) -> ChannelOrder | None:
        order = await self._client.order(external_id)
        return None if order is None else read_order(order, self._settings)

    @property
    def stock_batch_size(self) -> int:
        return BATCH_SIZE

    async def publish_stock(self, updates: Sequence[StockUpdate]) -> tuple[StockResult, ...]:
        return await stock.publish(self._client, updates, manage_stock=self._settings.manage_stock_on_publish)

    async def read_stock(self, refs: Sequence[ListingRef]) -> tuple[StockReading, ...]:
        return await stock.read(self._client, refs)

    async def acknowledge_order(self, external_id: str, *, hub_order_number: str) -> None:
        """Kept as order meta, which can be set again; a note would be added again."""
        await self._client.update_order(external_id, {"meta_data": [_meta("_hub_order", hub_order_number)]})

    async def push_fulfillment(self, shipment: Shipment) -> None:
        """The parcel becomes order meta; the last one completes the order. Refused for a cancelled order."""
        state = await self._state(shipment.external_order_id)
        if state is OrderState.CANCELLED:
            raise Rejected("the order is cancelled in WooCommerce", field="external_order_id")
        changes: dict[str, object] = {"meta_data": [_shipment_meta(shipment)]}
        if shipment.completes_order and state is not OrderState.COMPLETED:
            changes["status"] = "completed"
        await self._client.update_order(shipment.external_order_id, changes)

    async def cancel_order(self, external_id: str, *, reason: str, idempotency_key: str) -> None:
        """The store puts back what it had taken out of its stock. Refused for a completed order."""
        state = await self._state(external_id)
        if state is OrderState.CANCELLED:
            return
        if state is OrderState.COMPLETED:
            raise Rejected("the order is completed in WooCommerce; refund it there", field="external_id")
        meta = [_meta("_hub_cancellation", idempotency_key), _meta("_hub_cancellation_reason", reason)]
        await self._client.update_order(external_id, {"status": "cancelled", "meta_data": meta})

    async def _state(self, external_id: str) -> OrderState:
        order = await self._client.order(external_id)
        if order is None:
            raise Rejected(f"WooCommerce has no order {external_id}", field="external_id")
        return order_state(order.text("status"))

    async def _store_currency(self) -> str:
        if self._currency is None:
            self._currency = await self._client.currency()
        return self._currency


def _meta(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": value}


def _shipment_meta(shipment: Shipment) -> dict[str, str]:
    """One entry per shipment, under its key: sending it again overwrites it."""
    content = {
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
        "tracking_url": shipment.tracking_url,
        "collected": shipment.collected,
        "lines": {line.external_line_id: line.quantity for line in shipment.lines},
    }
    return _meta(f"_hub_shipment_{shipment.idempotency_key}", json.dumps(content, ensure_ascii=False))
