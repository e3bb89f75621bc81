"""WooCommerce (REST API v3, checked against recordings of 11.0.1)."""

from typing import ClassVar

import httpx
from pydantic import BaseModel

from adapters.sdk.capabilities import Adapter, capability_names
from adapters.sdk.types import ChannelKind
from adapters.woocommerce.connection import WooCommerceConnection
from adapters.woocommerce.settings import WooCommerceSettings

__all__ = ["ADAPTER", "WooCommerceAdapter", "WooCommerceConnection", "WooCommerceSettings"]


class WooCommerceAdapter:
    system: ClassVar[str] = "woocommerce"
    title: ClassVar[str] = "WooCommerce"
    kinds: ClassVar[tuple[ChannelKind, ...]] = (ChannelKind.STOREFRONT,)
    settings_model: ClassVar[type[BaseModel]] = WooCommerceSettings

    def connect(
        self, settings: BaseModel, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> WooCommerceConnection:
        if not isinstance(settings, WooCommerceSettings):
            raise TypeError(f"expected WooCommerceSettings, got {type(settings).__name__}")
        return WooCommerceConnection(settings, transport=transport)

    def capabilities(self) -> frozenset[str]:
        return capability_names(WooCommerceConnection)


ADAPTER: Adapter = WooCommerceAdapter()
