"""Square (Orders, Catalog and Inventory APIs, checked against the official description of 2025-08-20)."""

from typing import ClassVar

import httpx
from pydantic import BaseModel

from adapters.sdk.capabilities import Adapter, capability_names
from adapters.sdk.types import ChannelKind
from adapters.square.connection import SquareConnection
from adapters.square.settings import SquareSettings

__all__ = ["ADAPTER", "SquareAdapter", "SquareConnection", "SquareSettings"]


class SquareAdapter:
    system: ClassVar[str] = "square"
    title: ClassVar[str] = "Square"
    kinds: ClassVar[tuple[ChannelKind, ...]] = (ChannelKind.POS, ChannelKind.STOREFRONT)
    settings_model: ClassVar[type[BaseModel]] = SquareSettings

    def connect(self, settings: BaseModel, *, transport: httpx.AsyncBaseTransport | None = None) -> SquareConnection:
        if not isinstance(settings, SquareSettings):
            raise TypeError(f"expected SquareSettings, got {type(settings).__name__}")
        return SquareConnection(settings, transport=transport)

    def capabilities(self) -> frozenset[str]:
        return capability_names(SquareConnection)


ADAPTER: Adapter = SquareAdapter()
