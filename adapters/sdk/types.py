"""The hub's view of a channel: normalised, frozen, validated where they are built.

Adapters translate to and from these; the hub never sees a channel's own payload. A payload that cannot be
expressed raises `ContractBroken` with the JSON path. Amounts are `hub.kernel.money.Money`; instants are aware UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from hub.kernel.geo import GeoPoint
from hub.kernel.money import Money

T = TypeVar("T")


class ChannelKind(StrEnum):
    STOREFRONT = "STOREFRONT"
    MARKETPLACE = "MARKETPLACE"
    SOCIAL = "SOCIAL"
    POS = "POS"
    WAREHOUSE = "WAREHOUSE"
    ERP = "ERP"


class EventTopic(StrEnum):
    """What an inbound notification is about. UNKNOWN is parked, IGNORED is answered 200 and dropped."""

    ORDER = "ORDER"
    PRODUCT = "PRODUCT"
    STOCK = "STOCK"
    CUSTOMER = "CUSTOMER"
    REFUND = "REFUND"
    IGNORED = "IGNORED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class RawWebhook:
    """One HTTP delivery exactly as received. Header names are lower case."""

    headers: Mapping[str, str]
    body: bytes
    url: str
    """The public URL the channel posted to (Square signs it)."""


@dataclass(frozen=True, slots=True)
class VerifiedEvent:
    """What a verified delivery says about itself, before its content is understood.

    `event_id` identifies the event across redeliveries (where the system gives no such id, a digest of the
    body); `external_id` names the entity, `occurred_at` its time in the channel when it is known.
    """

    event_id: str
    topic: EventTopic
    external_topic: str
    external_id: str | None = None
    occurred_at: datetime | None = None


class OrderState(StrEnum):
    """The channel's word on the order as a whole. UNKNOWN is parked with the channel's own word kept."""

    PENDING_PAYMENT = "PENDING_PAYMENT"
    OPEN = "OPEN"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"


class FulfillmentMethod(StrEnum):
    SHIP = "SHIP"
    PICKUP = "PICKUP"
    LOCAL_DELIVERY = "LOCAL_DELIVERY"
    HANDED_OVER = "HANDED_OVER"
    """The customer already has the goods (a sale over the counter)."""


class LineKind(StrEnum):
    GOODS = "GOODS"
    CUSTOM = "CUSTOM"
    FEE = "FEE"


@dataclass(frozen=True, slots=True)
class PostalAddress:
    name: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country_code: str = ""
    """ISO 3166-1 alpha-2, or empty when the channel does not say."""
    phone: str = ""
    geo: GeoPoint | None = None


@dataclass(frozen=True, slots=True)
class ChannelCustomer:
    """The buyer as the channel knows them. Empty strings mean that the channel does not say."""

    external_id: str | None = None
    email: str = ""
    phone: str = ""
    first_name: str = ""
    last_name: str = ""
    email_verified: bool = False
    phone_verified: bool = False


@dataclass(frozen=True, slots=True)
class ChannelOrderLine:
    """One line. Prices are per unit as the channel computed them; `discount` and `tax` are for the whole line."""

    external_id: str
    title: str
    quantity: int
    unit_price: Money
    kind: LineKind = LineKind.GOODS
    external_variant_id: str | None = None
    external_product_id: str | None = None
    sku: str | None = None
    discount: Money | None = None
    tax: Money | None = None


@dataclass(frozen=True, slots=True)
class ChannelPayment:
    """A reference to a payment that the channel took; never card data."""

    reference: str
    method: str
    amount: Money
    paid_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChannelOrder:
    """An order as one channel states it at one version.

    `source_version` orders two states of the same order (greater is newer; usually the modification instant as
    RFC 3339); `content_hash` is SHA-256 hex over the normalised content, so that equal versions can be compared.
    """

    external_id: str
    number: str
    state: OrderState
    external_state: str
    currency: str
    placed_at: datetime
    source_version: str
    content_hash: str
    prices_include_tax: bool
    lines: tuple[ChannelOrderLine, ...]
    total: Money
    method: FulfillmentMethod = FulfillmentMethod.SHIP
    external_location_id: str | None = None
    """The channel's own location: where a PICKUP is collected or a HANDED_OVER sale took place."""
    customer: ChannelCustomer | None = None
    ship_to: PostalAddress | None = None
    bill_to: PostalAddress | None = None
    payments: tuple[ChannelPayment, ...] = ()
    shipping: Money | None = None
    note: str = ""
    origin: str | None = None
    """The channel's word for the place the order came from, when it only relays it."""


@dataclass(frozen=True, slots=True)
class ChannelVariant:
    external_id: str
    sku: str | None
    title: str
    price: Money | None
    barcode: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    weight_grams: int | None = None
    manages_stock: bool = True
    stock_quantity: int | None = None
    external_inventory_id: str | None = None
    """The id that stock calls want, where it differs from the variant's."""


@dataclass(frozen=True, slots=True)
class ChannelProduct:
    external_id: str
    title: str
    source_version: str
    variants: tuple[ChannelVariant, ...]
    external_kind: str = "simple"
    description_html: str = ""
    handle: str = ""
    vendor: str = ""
    product_type: str = ""
    categories: tuple[str, ...] = ()
    image_urls: tuple[str, ...] = ()
    published: bool = True


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry of a page that does not fit the contract: parked by id, so that it does not hold up the others."""

    external_id: str
    reason: str
    path: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a pull. `next_cursor` is None on the last; cursors are opaque and the adapter's own."""

    items: tuple[T, ...]
    next_cursor: str | None
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class ListingRef:
    """How a channel names one listed variant (and, where it counts per place, one of its locations)."""

    listing_id: str
    """The hub's listing id, echoed in results."""
    external_product_id: str
    external_variant_id: str
    external_inventory_id: str | None = None
    external_location_id: str | None = None


@dataclass(frozen=True, slots=True)
class StockUpdate:
    """An absolute quantity to publish. `observed` is the channel's last known value, for compare-and-set."""

    ref: ListingRef
    quantity: int
    idempotency_key: str
    observed: int | None = None


class StockOutcome(StrEnum):
    PUBLISHED = "PUBLISHED"
    CONFLICT = "CONFLICT"
    """Compare-and-set failed: pull orders, read back, publish again."""
    REJECTED = "REJECTED"
    RETRY = "RETRY"


@dataclass(frozen=True, slots=True)
class StockResult:
    """The channel's answer for one `StockUpdate`; `published` is the value it now confirms."""

    ref: ListingRef
    outcome: StockOutcome
    published: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StockReading:
    """What the channel shows for one listing, read at `read_at`. `quantity` is None when it does not track it."""

    ref: ListingRef
    quantity: int | None
    read_at: datetime


@dataclass(frozen=True, slots=True)
class ShippedLine:
    external_line_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel (or a hand-over) to report to the channel."""

    external_order_id: str
    lines: tuple[ShippedLine, ...]
    completes_order: bool
    idempotency_key: str
    carrier: str = ""
    tracking_number: str = ""
    tracking_url: str = ""
    collected: bool = False


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """The answer to `hub channel test`: does the channel accept our credentials, and what is it?"""

    ok: bool
    detail: str
    external_account: str = ""
