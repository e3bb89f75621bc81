"""One seller account's live connection: every capability that Square has."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import httpx

from adapters.sdk.pages import readable_page
from adapters.sdk.reading import Reader
from adapters.sdk.stock_traits import StockTraits
from adapters.sdk.types import (
    ChannelHealth,
    ChannelOrder,
    ChannelProduct,
    ListingRef,
    Page,
    RawWebhook,
    Shipment,
    StockReading,
    StockResult,
    StockUpdate,
    VerifiedEvent,
)
from adapters.square import fulfillments, stock, webhooks
from adapters.square.client import (
    CHANGES_PER_CALL,
    LOCATIONS_PER_SEARCH,
    SquareClient,
    chunks,
    next_cursor,
)
from adapters.square.mapping import read_order
from adapters.square.paging import following, start_at
from adapters.square.products import Related, option_ids, read_product
from adapters.square.settings import SquareSettings
from hub.kernel.clock import utc_now

_BEGINNING: Final = "2009-01-01T00:00:00+00:00"


class SquareConnection:
    """`clock` gives the instant that published counts are dated with."""

    def __init__(
        self,
        settings: SquareSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._client = SquareClient(settings, transport=transport)
        self._clock = clock
        self._locations: tuple[str, ...] = tuple(sorted(settings.location_ids))

    async def close(self) -> None:
        await self._client.close()

    async def check(self) -> ChannelHealth:
        locations = await self._client.locations()
        active = _active(locations)
        missing = sorted(set(self._settings.location_ids) - set(active))
        detail = f"Square answers; {len(active)} of {len(locations)} locations are active"
        return ChannelHealth(
            ok=not missing and bool(active),
            detail=f"{detail}, but not {', '.join(missing)}" if missing else detail,
            external_account=next((one.text_or_empty("merchant_id") for one in locations), ""),
        )

    def verify(self, webhook: RawWebhook, *, now: datetime) -> VerifiedEvent:
        settings = self._settings
        return webhooks.verify(webhook, settings.signature_keys, notification_url=settings.notification_url, now=now)

    def orders_in(self, event: VerifiedEvent, body: bytes) -> tuple[ChannelOrder, ...]:  # noqa: ARG002
        """Nothing: Square's deliveries are hints."""
        return ()

    async def pull_products(self, *, cursor: str | None, modified_after: datetime | None) -> Page[ChannelProduct]:
        at = start_at(cursor, modified_after)
        answer = await self._client.search_catalog(modified_after=at.since, cursor=at.square or None)
        items = list(answer.list("objects"))
        related = await self._related(answer, items)
        return readable_page(items, lambda item: read_product(item, related), following(at, next_cursor(answer)))

    async def pull_orders(self, *, cursor: str | None, modified_after: datetime) -> Page[ChannelOrder]:
        """Oldest modification first within each ten locations."""
        at = start_at(cursor, modified_after)
        groups = list(chunks(await self._searched_locations(), LOCATIONS_PER_SEARCH))
        if at.group >= len(groups):
            return Page((), None)
        answer = await self._client.search_orders(
            groups[at.group],
            modified_after=at.since or datetime.fromisoformat(_BEGINNING),
            cursor=at.square or None,
        )
        return readable_page(answer.list("orders"), read_order, following(at, next_cursor(answer), len(groups)))

    async def pull_order(self, external_id: str) -> ChannelOrder | None:
        order = await self._client.order(external_id)
        return None if order is None else read_order(order)

    @property
    def stock_batch_size(self) -> int:
        return CHANGES_PER_CALL

    @property
    def stock_traits(self) -> StockTraits:
        return StockTraits(per_location=True)

    async def publish_stock(self, updates: Sequence[StockUpdate]) -> tuple[StockResult, ...]:
        return await stock.publish(
            self._client, updates, only_location=self._settings.only_location, counted_at=self._clock()
        )

    async def read_stock(self, refs: Sequence[ListingRef]) -> tuple[StockReading, ...]:
        return await stock.read(self._client, refs, only_location=self._settings.only_location, read_at=self._clock())

    async def push_fulfillment(self, shipment: Shipment) -> None:
        await fulfillments.report(self._client, shipment)

    async def cancel_order(self, external_id: str, *, reason: str, idempotency_key: str) -> None:
        await fulfillments.cancel(self._client, external_id, reason=reason, idempotency_key=idempotency_key)

    async def _related(self, answer: Reader, items: list[Reader]) -> Related:
        related = {one.identifier("id"): one for one in answer.list("related_objects")}
        wanted = [one for one in option_ids(items) if one not in related]
        for part in chunks(wanted, CHANGES_PER_CALL):
            related |= {one.identifier("id"): one for one in await self._client.catalog_objects(part)}
        return related

    async def _searched_locations(self) -> tuple[str, ...]:
        """The configured locations, else the active ones as they were when first asked for."""
        if not self._locations:
            self._locations = tuple(sorted(_active(await self._client.locations())))
        return self._locations


def _active(locations: Sequence[Reader]) -> list[str]:
    return [one.identifier("id") for one in locations if one.text_or_empty("status") == "ACTIVE"]
