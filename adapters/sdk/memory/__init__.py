"""The reference adapter: all capabilities, against a channel that lives in this process."""

from typing import ClassVar

import httpx
from pydantic import BaseModel

from adapters.sdk.capabilities import Adapter, capability_names
from adapters.sdk.memory.channel import MemoryChannel
from adapters.sdk.memory.connection import MemoryConnection
from adapters.sdk.memory.settings import MemorySettings
from adapters.sdk.types import ChannelKind

__all__ = ["ADAPTER", "MemoryAdapter", "MemoryChannel", "MemoryConnection", "MemorySettings"]


class MemoryAdapter:
    system: ClassVar[str] = "memory"
    title: ClassVar[str] = "In-memory channel"
    kinds: ClassVar[tuple[ChannelKind, ...]] = (ChannelKind.STOREFRONT, ChannelKind.POS)
    settings_model: ClassVar[type[BaseModel]] = MemorySettings

    def connect(self, settings: BaseModel, *, transport: httpx.AsyncBaseTransport | None = None) -> MemoryConnection:
        if not isinstance(settings, MemorySettings):
            raise TypeError(f"expected MemorySettings, got {type(settings).__name__}")
        return MemoryConnection(settings, transport=transport)

    def capabilities(self) -> frozenset[str]:
        return capability_names(MemoryConnection)


ADAPTER: Adapter = MemoryAdapter()
