"""The conformance kit against the simulated store, over real HTTP."""

import base64
import logging

import httpx
import pytest

from adapters.sdk.conformance import AdapterConformance
from adapters.sdk.errors import Retryable
from adapters.sdk.types import ListingRef, RawWebhook
from adapters.woocommerce import ADAPTER, WooCommerceConnection, WooCommerceSettings
from adapters.woocommerce.simulator import Hook, Sale, SaleLine
from adapters.woocommerce.simulator.hooks import compose

SALE = Sale(
    lines=(SaleLine(115, 2), SaleLine(11, 1)),
    customer_id=7,
    billing={"email": "ada@example.test", "first_name": "Ada", "country": "GB"},
    pickup_location="soho",
    discount="1.25",
)


def delivered(store, order_id: int) -> RawWebhook:
    delivery = compose(store.shop, Hook("http://hub.invalid", "s3cret"), "order.created", order_id)
    return RawWebhook(delivery.headers, delivery.body, "http://hub.invalid")


class TestWooCommerce(AdapterConformance):
    adapter = ADAPTER
    signature_header = "x-wc-webhook-signature"

    @pytest.fixture
    def settings(self, request) -> WooCommerceSettings:
        """Faults need no store: it is started for the tests that ask for a connection."""
        if "connection" not in request.fixturenames:
            keys = {"consumer_key": "ck_2f7c", "consumer_secret": "cs_91ab", "webhook_secret": "s3cret"}
            return WooCommerceSettings.model_validate({"base_url": "http://store.invalid", **keys})
        settings: WooCommerceSettings = request.getfixturevalue("store").settings()
        return settings

    @pytest.fixture
    def connection(self, connect, store) -> WooCommerceConnection:
        opened: WooCommerceConnection = connect(store.settings())
        return opened

    @pytest.fixture
    def delivery(self, store) -> RawWebhook:
        return delivered(store, store.shop.sell(SALE).id)

    @pytest.fixture
    def other_delivery(self, store) -> RawWebhook:
        return delivered(store, store.shop.sell(SALE).id)

    @pytest.fixture
    def known_orders(self, store) -> set[str]:
        return {str(store.shop.sell(SALE).id) for _ in range(230)}

    @pytest.fixture
    def known_products(self, store) -> set[str]:
        for number in range(1000, 1110):
            store.shop.add(id=number, name="n", sku=f"S{number}", price="1")
        return {str(item.id) for item in store.shop.items.values() if not item.parent_id}

    @pytest.fixture
    def open_order(self, store) -> str:
        return str(store.shop.sell(SALE).id)

    @pytest.fixture
    def odd_order(self, store) -> str:
        return str(store.shop.sell(Sale(lines=SALE.lines, status="awaiting-drone")).id)

    @pytest.fixture
    def listings(self) -> tuple[ListingRef, ...]:
        return (ListingRef("a", "114", "115"), ListingRef("b", "10", "10"))

    @pytest.fixture
    def refused_listing(self) -> ListingRef:
        return ListingRef("c", "424242", "424242")


class TestWooCommerceOverHttps:
    """Basic credentials instead of signed queries: nothing of them may be logged either."""

    async def test_secrets_are_in_no_log(self, connect, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        keys = {"consumer_key": "ck_2f7c", "consumer_secret": "cs_91ab", "webhook_secret": "s3cret"}
        settings = WooCommerceSettings.model_validate({"base_url": "https://store.invalid", **keys})
        transport = httpx.MockTransport(lambda _: httpx.Response(500))
        with pytest.raises(Retryable):
            await connect(settings, transport=transport).check()
        told = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
        encoded = base64.b64encode(b"ck_2f7c:cs_91ab").decode()
        assert "store.invalid" in told
        assert not [secret for secret in (*keys.values(), encoded) if secret in told]
