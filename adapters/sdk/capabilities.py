"""What a channel can do, one small protocol each.

An adapter's connection implements those it supports and no others; callers narrow with `isinstance`.
Every method may raise the errors of `adapters.sdk.errors` and nothing else.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol, runtime_checkable

import httpx
from pydantic import BaseModel

from adapters.sdk.types import (
    ChannelHealth,
    ChannelKind,
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


@runtime_checkable
class Connection(Protocol):
    """One channel's live connection: settings, HTTP client and rate limits. Close it when done."""

    async def check(self) -> ChannelHealth:
        """Ask the channel who we are. Raises AuthFailed when it does not accept the credentials."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class ReceivesWebhooks(Protocol):
    """Signature checks are pure and work without a network: they run inside the HTTP request."""

    def verify(self, webhook: RawWebhook, *, now: datetime) -> VerifiedEvent:
        """Raises AuthFailed when the signature over the raw bytes is missing, wrong or stale."""
        ...

    def orders_in(self, event: VerifiedEvent, body: bytes) -> tuple[ChannelOrder, ...]:
        """The orders that the delivery carries in full; empty when it is only a hint (then pull `external_id`)."""
        ...


@runtime_checkable
class PullsCatalog(Protocol):
    async def pull_products(self, *, cursor: str | None, modified_after: datetime | None) -> Page[ChannelProduct]: ...


@runtime_checkable
class PullsOrders(Protocol):
    async def pull_orders(self, *, cursor: str | None, modified_after: datetime) -> Page[ChannelOrder]:
        """Orders modified at or after the instant, oldest modification first where the channel can."""
        ...

    async def pull_order(self, external_id: str) -> ChannelOrder | None:
        """One order as it is now, or None when the channel does not know it."""
        ...


@runtime_checkable
class PublishesStock(Protocol):
    @property
    def stock_batch_size(self) -> int:
        """How many updates one call takes."""
        ...

    async def publish_stock(self, updates: Sequence[StockUpdate]) -> tuple[StockResult, ...]:
        """Write absolute quantities; one result per update, in the order given. A row's refusal is a result."""
        ...


@runtime_checkable
class ReadsStock(Protocol):
    async def read_stock(self, refs: Sequence[ListingRef]) -> tuple[StockReading, ...]: ...


@runtime_checkable
class AcknowledgesOrders(Protocol):
    async def acknowledge_order(self, external_id: str, *, hub_order_number: str) -> None: ...


@runtime_checkable
class PushesFulfillments(Protocol):
    async def push_fulfillment(self, shipment: Shipment) -> None:
        """Report a shipment or a hand-over. Repeating the same `idempotency_key` must be harmless."""
        ...


@runtime_checkable
class CancelsOrders(Protocol):
    async def cancel_order(self, external_id: str, *, reason: str, idempotency_key: str) -> None: ...


CAPABILITIES: tuple[type[Any], ...] = (
    ReceivesWebhooks,
    PullsCatalog,
    PullsOrders,
    PublishesStock,
    ReadsStock,
    AcknowledgesOrders,
    PushesFulfillments,
    CancelsOrders,
)


class Adapter(Protocol):
    """What an entry point in the group `hub.adapters` loads: the manifest and the way to connect."""

    system: ClassVar[str]
    """Stable lower-case name: "woocommerce"."""
    title: ClassVar[str]
    kinds: ClassVar[tuple[ChannelKind, ...]]
    settings_model: ClassVar[type[BaseModel]]
    """Validates a channel's settings; secrets are `SecretStr`."""

    def connect(self, settings: BaseModel, *, transport: httpx.AsyncBaseTransport | None = None) -> Connection:
        """A connection; does no I/O. `transport` replaces the network (tests, recordings)."""
        ...

    def capabilities(self) -> frozenset[str]:
        """Names of the protocols that this adapter's connections implement."""
        ...


def capability_names(connection_class: type[Any]) -> frozenset[str]:
    """Which capability protocols a connection class implements, by name."""
    return frozenset(
        protocol.__name__
        for protocol in CAPABILITIES
        if all(hasattr(connection_class, member) for member in _members(protocol))
    )


def _members(protocol: type[Any]) -> Mapping[str, Any]:
    return {name: value for name, value in vars(protocol).items() if not name.startswith("_")}
