"""The reference adapter passes the kit, and the kit catches adapters that lie."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest

from adapters.sdk.conformance import AdapterConformance
from adapters.sdk.discovery import adapter
from adapters.sdk.errors import Retryable
from adapters.sdk.memory import ADAPTER, MemoryAdapter, MemoryChannel, MemoryConnection, MemorySettings
from adapters.sdk.probes import LONG_AGO, READS
from adapters.sdk.types import ListingRef, Page, RawWebhook, StockOutcome, StockUpdate, VerifiedEvent
from hub.kernel.ids import new_id

WINDOW = timedelta(minutes=5)


@pytest.fixture
def settings() -> MemorySettings:
    return MemorySettings(channel=str(new_id()))


@pytest.fixture
def channel(settings: MemorySettings) -> MemoryChannel:
    channel = MemoryChannel.named(settings.channel)
    for number in range(120):
        variant = {"id": f"v{number}", "sku": f"S{number}", "price": "19.90", "stock": 9}
        channel.add_product(f"p{number}", f"Product {number}", variant)
    for number in range(120):
        channel.place_order([(f"v{number}", 1), ("v0", 1)])
    return channel


class TestMemory(AdapterConformance):
    adapter = ADAPTER
    signature_header = "memory-signature"
    replay_window = WINDOW
    compares_stock = True

    @pytest.fixture
    async def connection(self, settings: MemorySettings, channel: MemoryChannel) -> AsyncIterator[MemoryConnection]:
        assert channel.orders
        opened = MemoryConnection(settings)
        yield opened
        await opened.close()

    @pytest.fixture
    def delivery(self, channel: MemoryChannel) -> RawWebhook:
        return channel.order_webhook("o1")

    @pytest.fixture
    def other_delivery(self, channel: MemoryChannel) -> RawWebhook:
        return channel.order_webhook("o2")

    @pytest.fixture
    def known_orders(self, channel: MemoryChannel) -> set[str]:
        return set(channel.orders)

    @pytest.fixture
    def known_products(self, channel: MemoryChannel) -> set[str]:
        return set(channel.products)

    @pytest.fixture
    def open_order(self) -> str:
        return "o3"

    @pytest.fixture
    def odd_order(self, channel: MemoryChannel) -> str:
        return channel.place_order([("v0", 1)], state="AWAITING_DRONE")

    @pytest.fixture
    def listings(self) -> tuple[ListingRef, ...]:
        return (ListingRef("a", "p1", "v1"), ListingRef("b", "p2", "v2"))

    @pytest.fixture
    def refused_listing(self, channel: MemoryChannel) -> ListingRef:
        channel.refused_variants.add("v3")
        return ListingRef("c", "p3", "v3")


class TestDriving:
    async def test_the_installed_adapter_meets_the_named_channel(self, channel, settings) -> None:
        connection = adapter("memory").connect(settings)
        assert (await connection.check()).ok
        assert channel.requests

    async def test_a_fault_is_met_once(self, channel, settings) -> None:
        channel.faults.append(httpx.Response(429, headers={"retry-after": "60"}))
        with pytest.raises(Retryable):
            await MemoryConnection(settings).check()
        assert (await MemoryConnection(settings).check()).ok

    async def test_an_order_takes_its_stock(self, channel, settings) -> None:
        before = channel.stock[("v5", "")]
        channel.place_order([("v5", 3)])
        (reading,) = await MemoryConnection(settings).read_stock([ListingRef("x", "p5", "v5")])
        assert reading.quantity == before - 3

    async def test_an_order_that_cannot_be_read_does_not_hold_up_the_others(self, channel, settings) -> None:
        channel.change_order("o7", lines=[{"id": "l1", "quantity": "many"}])
        page = await MemoryConnection(settings).pull_orders(cursor="230", modified_after=LONG_AGO)
        assert "o120" in {order.external_id for order in page.items}
        assert [(one.external_id, one.path) for one in page.unreadable] == [
            ("o7", f"$.items[{len(page.items)}].lines[0].title")
        ]

    async def test_stock_is_counted_per_location_where_one_is_named(self, channel, settings) -> None:
        ref = ListingRef("x", "p5", "v5", external_location_id="soho")
        connection = MemoryConnection(settings)
        (result,) = await connection.publish_stock([StockUpdate(ref, 4, "k", observed=0)])
        assert result.outcome is StockOutcome.PUBLISHED
        assert channel.stock[("v5", "soho")] == 4
        assert channel.stock[("v5", "")] != 4


class Credulous(MemoryConnection):
    def verify(self, webhook: RawWebhook, *, now: datetime) -> VerifiedEvent:
        signed = MemoryChannel().webhook({"id": str(len(webhook.body)), "topic": "order.changed"})
        return super().verify(signed, now=now)


class Forgetful(MemoryConnection):
    def verify(self, webhook: RawWebhook, *, now: datetime) -> VerifiedEvent:
        event = super().verify(webhook, now=now)
        return VerifiedEvent(str(new_id()), event.topic, event.external_topic, event.external_id)


class Repeating(MemoryConnection):
    async def pull_orders(self, *, cursor: str | None, modified_after: datetime) -> Page[Any]:
        page = await super().pull_orders(cursor=cursor, modified_after=modified_after)
        return Page((*page.items, page.items[0]), page.next_cursor)


class Skipping(MemoryConnection):
    async def pull_orders(self, *, cursor: str | None, modified_after: datetime) -> Page[Any]:
        page = await super().pull_orders(cursor=cursor, modified_after=modified_after)
        return Page(page.items[1:], page.next_cursor)


class Endless(MemoryConnection):
    async def pull_orders(self, *, cursor: str | None, modified_after: datetime) -> Page[Any]:
        page = await super().pull_orders(cursor=cursor, modified_after=modified_after)
        return Page(page.items, page.next_cursor or "0")


class TestTheKit:
    """Each liar is caught by the test that is meant for it."""

    kit: ClassVar[TestMemory] = TestMemory()

    @pytest.mark.parametrize(
        ("liar", "check"),
        [
            (Credulous, "test_one_changed_byte_is_refused"),
            (Credulous, "test_a_body_that_was_written_anew_is_refused"),
        ],
    )
    async def test_an_adapter_that_believes_everything(self, channel, settings, liar, check) -> None:
        with pytest.raises(pytest.fail.Exception):
            await getattr(self.kit, check)(liar(settings), channel.order_webhook("o1"))

    async def test_an_adapter_that_gives_each_delivery_a_new_id(self, channel, settings) -> None:
        with pytest.raises(AssertionError):
            await self.kit.test_a_replay_is_the_same_event_and_another_order_is_not(
                Forgetful(settings), channel.order_webhook("o1"), channel.order_webhook("o2")
            )

    @pytest.mark.parametrize("liar", [Repeating, Skipping, Endless])
    async def test_an_adapter_that_pages_wrongly(
        self, channel: MemoryChannel, settings: MemorySettings, liar: Callable[[MemorySettings], MemoryConnection]
    ) -> None:
        with pytest.raises(AssertionError):
            await self.kit.test_order_pages_end_and_neither_repeat_nor_skip(liar(settings), set(channel.orders))

    def test_tests_of_undeclared_capabilities_are_not_collected(self) -> None:
        class NarrowAdapter(MemoryAdapter):
            def capabilities(self) -> frozenset[str]:
                return frozenset({"PullsOrders"})

        class Narrow(AdapterConformance):
            adapter = NarrowAdapter()

        assert Narrow.test_publishing_nothing_asks_nothing is None
        assert Narrow.test_a_pulled_order_is_the_listed_one is not None
        assert AdapterConformance.test_publishing_nothing_asks_nothing is not None
        assert [one.id for one in Narrow.calls(READS)] == ["check", "pull_orders", "pull_order"]
