"""The conformance kit against the simulated account, over real HTTP."""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

import pytest

from adapters.sdk.capabilities import Adapter
from adapters.sdk.conformance import AdapterConformance
from adapters.sdk.types import ListingRef, RawWebhook
from adapters.square import ADAPTER, SquareSettings
from adapters.square.simulator import Hook, Sale, SaleLine, Seller
from adapters.square.simulator.hooks import body_of
from adapters.square.webhooks import REPEATED_FOR, SIGNATURE_HEADER
from tests.adapters.square.running import RunningSquare, ref, settings_for


def sell(seller: Seller, fulfillment: str | None = "SHIPMENT") -> str:
    order_id: str = seller.sell(Sale((SaleLine("MUG", 1),), "LBER", fulfillment))["id"]
    return order_id


def delivery_of(seller: Seller, order_id: str) -> RawWebhook:
    event = next(one for one in seller.pending if one.body["data"]["id"] == order_id)
    hook = Hook("https://hub.test/hooks/square", "s3cret")
    return RawWebhook(hook.signed(body_of(event)), body_of(event), hook.url)


class TestSquare(AdapterConformance):
    adapter: ClassVar[Adapter] = ADAPTER
    signature_header: ClassVar[str] = SIGNATURE_HEADER
    replay_window: ClassVar[timedelta | None] = REPEATED_FOR

    @pytest.fixture
    def settings(self) -> SquareSettings:
        """Of an account that is never asked: the kit answers itself; `connection` is to the simulated one."""
        return settings_for()

    @pytest.fixture
    def delivery(self, square: RunningSquare) -> RawWebhook:
        return delivery_of(square.seller, sell(square.seller))

    @pytest.fixture
    def other_delivery(self, square: RunningSquare) -> RawWebhook:
        return delivery_of(square.seller, sell(square.seller))

    @pytest.fixture
    def known_orders(self, square: RunningSquare) -> set[str]:
        square.seller.max_page = 2
        return {sell(square.seller, kind) for kind in (None, "PICKUP", "SHIPMENT", "DELIVERY", None)}

    @pytest.fixture
    def known_products(self, square: RunningSquare) -> set[str]:
        square.seller.max_page = 1
        return set(square.seller.items)

    @pytest.fixture
    def open_order(self, square: RunningSquare) -> str:
        return sell(square.seller)

    @pytest.fixture
    def odd_order(self, square: RunningSquare) -> str:
        order_id = sell(square.seller)
        square.seller.orders[order_id]["state"] = "TELEPORTED"
        return order_id

    @pytest.fixture
    def listings(self) -> Sequence[ListingRef]:
        return (ref("TEE-S"), ref("MUG", "LHAM"))

    @pytest.fixture
    def refused_listing(self) -> ListingRef:
        return ref("NOBODY")
