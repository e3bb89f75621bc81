"""What every adapter must do, as tests that its author inherits.

    class TestAcme(AdapterConformance):
        adapter = ADAPTER
        signature_header = "acme-signature"

        @pytest.fixture
        def settings(self): ...

and the fixtures that `AdapterConformance` describes. Tests of a capability that the adapter does not declare are
not collected. This module needs pytest; nothing that the hub runs imports it.
"""
# ruff: noqa: S101 (assertions are the product here)

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar

import httpx
import pytest
from pydantic import BaseModel, SecretStr

from adapters.sdk import transport as sdk_transport
from adapters.sdk.capabilities import CAPABILITIES, Adapter, capability_names
from adapters.sdk.errors import AdapterError, AuthFailed, ContractBroken, Retryable
from adapters.sdk.probes import (
    FAILURES,
    GARBAGE,
    LONG_AGO,
    READS,
    WRITES,
    AlwaysAnswers,
    Probe,
    Probes,
    update_to,
    whole_shipment,
)
from adapters.sdk.types import (
    EventTopic,
    ListingRef,
    OrderState,
    RawWebhook,
    StockOutcome,
)

__all__ = ["AdapterConformance", "requires"]

Test = TypeVar("Test", bound=Callable[..., Any])
MAX_PAGES = 200
LONG_WAIT_SECONDS = 60


def requires(capability: str) -> Callable[[Test], Test]:
    """Marks a test of the kit as one of a capability."""

    def mark(test: Test) -> Test:
        test.__dict__["capability"] = capability
        return test

    return mark


class AdapterConformance:
    """Subclasses set `adapter` and define these fixtures (those of capabilities that they declare):

    - `settings`: settings that connect to the channel under test, secrets and all
    - `connection`: an open connection to that channel, which is not asked for anything faulty
    - `delivery`: an order's signed `RawWebhook` as the channel sends it; `other_delivery`: of another order
    - `known_orders`, `known_products`: all ids in the channel, more than one page of each where the system pages
    - `open_order`: the id of an order that can be fulfilled or cancelled
    - `odd_order`: the id of an order in a state that the adapter has never heard of
    - `listings`: two listings whose stock can be written; `refused_listing`: one that the channel refuses
    """

    adapter: ClassVar[Adapter]
    signature_header: ClassVar[str] = ""
    replay_window: ClassVar[timedelta | None] = None
    """How old a delivery may be, where the system signs a time."""
    compares_stock: ClassVar[bool] = False
    """Whether stock is written by compare-and-set."""
    missing_order: ClassVar[str] = "999999999"
    sample_listing: ClassVar[ListingRef] = ListingRef("kit", "1", "1", "1", "1")
    """A well-formed name of a listing, for calls that fail before it matters."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if hasattr(cls, "adapter"):
            declared = cls.adapter.capabilities()
            for name in dir(cls):
                needed = getattr(getattr(cls, name), "capability", None)
                if needed is not None and needed not in declared:
                    setattr(cls, name, None)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Each fault meets each call of the capabilities that the adapter declares."""
        kit: type[AdapterConformance] = metafunc.cls
        if "read" in metafunc.fixturenames:
            metafunc.parametrize("read", kit.calls(READS))
        if "call" in metafunc.fixturenames:
            metafunc.parametrize("call", kit.calls(READS | WRITES))

    @classmethod
    def calls(cls, probes: Probes) -> list[Any]:
        """The calls of the declared capabilities, as parameters."""
        declared = cls.adapter.capabilities()
        return [
            pytest.param(probe, id=name)
            for name, (capability, probe) in probes.items()
            if capability is None or capability in declared
        ]

    @pytest.fixture(autouse=True)
    def _without_backoff(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sdk_transport, "BACKOFF_SECONDS", 0.0)

    async def against(self, settings: BaseModel, answer: Any, probe: Probe) -> Any:
        """The outcome of one call when the channel gives this answer to everything."""
        connection = self.adapter.connect(settings, transport=AlwaysAnswers(answer))
        try:
            return await probe(connection, self.missing_order, self.sample_listing)
        finally:
            await connection.close()

    async def told(self, settings: BaseModel, answer: Any, probe: Probe) -> str:
        """As `against`, in words: a refusal may be an error or the result of a row."""
        try:
            return repr(await self.against(settings, answer, probe))
        except AdapterError as error:
            return f"{error} {error!r}"

    # --- what the adapter says of itself

    async def test_declared_capabilities_are_the_implemented_ones(self, connection: Any) -> None:
        declared = self.adapter.capabilities()
        assert declared == capability_names(type(connection))
        assert declared == {one.__name__ for one in CAPABILITIES if isinstance(connection, one)}

    def test_settings_do_not_show_their_secrets(self, settings: Any) -> None:
        assert isinstance(settings, self.adapter.settings_model)
        shown = f"{settings!r} {settings} {settings.model_dump_json()}"
        assert _secrets(settings)
        assert not [secret for secret in _secrets(settings) if secret in shown]

    async def test_the_channel_accepts_the_credentials(self, connection: Any) -> None:
        assert (await connection.check()).ok

    # --- faults

    @pytest.mark.parametrize("failure", FAILURES)
    async def test_a_failing_channel_is_to_be_asked_again(self, settings: Any, call: Any, failure: str) -> None:
        with pytest.raises(Retryable):
            await self.against(settings, FAILURES[failure], call)

    async def test_a_throttled_call_says_when_to_come_back(self, settings: Any, call: Any) -> None:
        answer = httpx.Response(429, headers={"retry-after": str(LONG_WAIT_SECONDS)})
        with pytest.raises(Retryable) as caught:
            await self.against(settings, answer, call)
        assert caught.value.after_seconds is not None
        assert caught.value.after_seconds > LONG_WAIT_SECONDS / 2

    async def test_refused_credentials_need_a_person(self, settings: Any, call: Any) -> None:
        with pytest.raises(AuthFailed):
            await self.against(settings, httpx.Response(401, json={}), call)

    @pytest.mark.parametrize("garbage", GARBAGE)
    async def test_an_answer_that_is_no_json_is_an_adapter_error(self, settings: Any, call: Any, garbage: str) -> None:
        with pytest.raises((ContractBroken, Retryable)):
            await self.against(settings, httpx.Response(200, content=GARBAGE[garbage]), call)

    @pytest.mark.parametrize("body", ['"text"', "7", "null", '{"unexpected": true}', '[["nested"]]'])
    async def test_json_of_another_shape_breaks_the_contract(self, settings: Any, read: Any, body: str) -> None:
        with pytest.raises(ContractBroken):
            await self.against(settings, httpx.Response(200, content=body.encode()), read)

    async def test_secrets_are_in_no_log_and_no_error(
        self, settings: Any, call: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        told = [
            await self.told(settings, httpx.Response(status, json={"message": "no"}), call)
            for status in (401, 422, 500)
        ]
        told += [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
        assert not [secret for secret in _secrets(settings) if secret in " ".join(told)]

    # --- webhooks

    @requires("ReceivesWebhooks")
    async def test_a_genuine_delivery_is_an_order_event(self, offline: Any, delivery: RawWebhook) -> None:
        event = offline.verify(delivery, now=datetime.now(UTC))
        assert event.topic is EventTopic.ORDER
        assert event.event_id
        assert event.external_id

    @requires("ReceivesWebhooks")
    async def test_one_changed_byte_is_refused(self, offline: Any, delivery: RawWebhook) -> None:
        body = delivery.body
        for index in range(0, len(body), max(1, len(body) // 50)):
            changed = body[:index] + bytes([body[index] ^ 1]) + body[index + 1 :]
            _expect_refusal(offline, RawWebhook(delivery.headers, changed, delivery.url))

    @requires("ReceivesWebhooks")
    async def test_a_body_that_was_written_anew_is_refused(self, offline: Any, delivery: RawWebhook) -> None:
        for body in (json.dumps(json.loads(delivery.body), indent=1).encode(), delivery.body + b"\n", b""):
            _expect_refusal(offline, RawWebhook(delivery.headers, body, delivery.url))

    @requires("ReceivesWebhooks")
    async def test_a_missing_or_foreign_signature_is_refused(
        self, offline: Any, delivery: RawWebhook, other_delivery: RawWebhook
    ) -> None:
        unsigned = {name: value for name, value in delivery.headers.items() if name != self.signature_header}
        assert len(unsigned) == len(delivery.headers) - 1
        foreign = other_delivery.headers[self.signature_header]
        for signature in ({}, *({self.signature_header: one} for one in ("", "AAAA", "é", foreign))):
            _expect_refusal(offline, RawWebhook(unsigned | signature, delivery.body, delivery.url))

    @requires("ReceivesWebhooks")
    async def test_a_replay_is_the_same_event_and_another_order_is_not(
        self, offline: Any, delivery: RawWebhook, other_delivery: RawWebhook
    ) -> None:
        now = datetime.now(UTC)
        first, again, other = (offline.verify(one, now=now) for one in (delivery, delivery, other_delivery))
        assert first == again
        assert first.event_id != other.event_id

    @requires("ReceivesWebhooks")
    async def test_a_stale_delivery_is_refused(self, offline: Any, delivery: RawWebhook) -> None:
        if self.replay_window is not None:
            for distance in (self.replay_window, -self.replay_window):
                with pytest.raises(AuthFailed):
                    offline.verify(delivery, now=datetime.now(UTC) + distance * 2)

    @requires("ReceivesWebhooks")
    async def test_a_delivery_that_carries_the_order_says_what_a_pull_says(
        self, connection: Any, delivery: RawWebhook
    ) -> None:
        event = connection.verify(delivery, now=datetime.now(UTC))
        for order in connection.orders_in(event, delivery.body):
            assert order.external_id == event.external_id
            if "PullsOrders" in self.adapter.capabilities():
                assert await connection.pull_order(order.external_id) == order

    # --- pulls

    @requires("PullsOrders")
    async def test_order_pages_end_and_neither_repeat_nor_skip(self, connection: Any, known_orders: set[str]) -> None:
        found = await _all_pages(lambda cursor: connection.pull_orders(cursor=cursor, modified_after=LONG_AGO))
        assert sorted(order.external_id for order in found) == sorted(known_orders)
        assert all(order.placed_at.utcoffset() == timedelta(0) for order in found)

    @requires("PullsOrders")
    async def test_a_pulled_order_is_the_listed_one(self, connection: Any, known_orders: set[str]) -> None:
        listed = (await connection.pull_orders(cursor=None, modified_after=LONG_AGO)).items[0]
        assert listed.external_id in known_orders
        assert await connection.pull_order(listed.external_id) == listed

    @requires("PullsOrders")
    async def test_nothing_is_pulled_from_the_future(self, connection: Any, known_orders: set[str]) -> None:
        assert known_orders
        page = await connection.pull_orders(cursor=None, modified_after=datetime.now(UTC) + timedelta(days=1))
        assert (page.items, page.next_cursor) == ((), None)

    @requires("PullsOrders")
    async def test_an_order_that_the_channel_does_not_know_is_none(self, connection: Any) -> None:
        assert await connection.pull_order(self.missing_order) is None

    @requires("PullsOrders")
    async def test_a_state_that_is_not_known_is_kept_and_no_error(self, connection: Any, odd_order: str) -> None:
        order = await connection.pull_order(odd_order)
        assert order.state is OrderState.UNKNOWN
        assert order.external_state

    @requires("PullsCatalog")
    async def test_product_pages_end_and_neither_repeat_nor_skip(
        self, connection: Any, known_products: set[str]
    ) -> None:
        found = await _all_pages(lambda cursor: connection.pull_products(cursor=cursor, modified_after=None))
        assert sorted(product.external_id for product in found) == sorted(known_products)
        variants = [variant.external_id for product in found for variant in product.variants]
        assert len(variants) == len(set(variants))

    # --- stock

    @requires("PublishesStock")
    async def test_a_refused_row_is_reported_and_the_others_are_written(
        self, connection: Any, listings: Sequence[ListingRef], refused_listing: ListingRef
    ) -> None:
        rows = [update_to(listings[0], 7), update_to(refused_listing, 3), update_to(listings[1], 0)]
        results = await connection.publish_stock(rows)
        assert [one.ref for one in results] == [row.ref for row in rows]
        assert [one.outcome for one in results] == [
            StockOutcome.PUBLISHED,
            StockOutcome.REJECTED,
            StockOutcome.PUBLISHED,
        ]
        assert results[1].reason
        await self._expect_stock(connection, listings[:2], (7, 0))

    @requires("PublishesStock")
    async def test_publishing_again_changes_nothing(self, connection: Any, listings: Sequence[ListingRef]) -> None:
        first = await connection.publish_stock([update_to(listings[0], 4)])
        assert await connection.publish_stock([update_to(listings[0], 4)]) == first
        await self._expect_stock(connection, listings[:1], (4,))

    @requires("PublishesStock")
    async def test_an_overtaken_quantity_is_a_conflict_where_the_system_compares(
        self, connection: Any, listings: Sequence[ListingRef]
    ) -> None:
        if self.compares_stock:
            await connection.publish_stock([update_to(listings[0], 5)])
            (result,) = await connection.publish_stock([update_to(listings[0], 9, observed=6)])
            assert result.outcome is StockOutcome.CONFLICT
            await self._expect_stock(connection, listings[:1], (5,))

    @requires("PublishesStock")
    async def test_publishing_nothing_asks_nothing(self, settings: Any) -> None:
        answer = httpx.Response(500)
        assert await self.against(settings, answer, lambda one, _order, _ref: one.publish_stock([])) == ()

    async def _expect_stock(self, connection: Any, refs: Sequence[ListingRef], quantities: Sequence[int]) -> None:
        if "ReadsStock" in self.adapter.capabilities():
            readings = await connection.read_stock(refs)
            assert [(one.ref, one.quantity) for one in readings] == list(zip(refs, quantities, strict=True))
            assert all(one.read_at.utcoffset() == timedelta(0) for one in readings)

    # --- orders back to the channel

    @requires("AcknowledgesOrders")
    async def test_an_acknowledgement_can_be_repeated(self, connection: Any, open_order: str) -> None:
        for _ in range(2):
            await connection.acknowledge_order(open_order, hub_order_number="H-1")

    @requires("PushesFulfillments")
    async def test_a_shipment_can_be_repeated_and_completes_the_order(self, connection: Any, open_order: str) -> None:
        for _ in range(2):
            await connection.push_fulfillment(whole_shipment(open_order))
        if "PullsOrders" in self.adapter.capabilities():
            assert (await connection.pull_order(open_order)).state is OrderState.COMPLETED

    @requires("CancelsOrders")
    async def test_a_cancellation_can_be_repeated(self, connection: Any, open_order: str) -> None:
        for _ in range(2):
            await connection.cancel_order(open_order, reason="none left", idempotency_key="kit-c1")
        if "PullsOrders" in self.adapter.capabilities():
            assert (await connection.pull_order(open_order)).state is OrderState.CANCELLED

    @pytest.fixture
    async def offline(self, settings: Any) -> Any:
        """A connection without a network: verification must not need one."""
        connection = self.adapter.connect(settings, transport=AlwaysAnswers(httpx.ConnectError("no network here")))
        yield connection
        await connection.close()


async def _all_pages(pull: Callable[[str | None], Awaitable[Any]]) -> list[Any]:
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await pull(cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found
    raise AssertionError(f"paging did not end within {MAX_PAGES} pages")


def _expect_refusal(connection: Any, webhook: RawWebhook) -> None:
    with pytest.raises(AuthFailed):
        connection.verify(webhook, now=datetime.now(UTC))


def _secrets(settings: BaseModel) -> list[str]:
    values = (getattr(settings, name) for name in type(settings).model_fields)
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
