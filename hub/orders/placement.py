"""An order placed through the API: by a shop's own front end, a till or staff."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from hub.catalog import repository as catalog
from hub.channels.models import Channel
from hub.customers import IdentityEvidence, Person, UnknownCustomerError, customers_by_ids
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.infra.sealing import Sealer
from hub.inventory import (
    InsufficientStockError,
    bundle_parts,
    expire_due_on_variants,
    require_known_location,
    require_open_in_pool,
    require_owner,
)
from hub.kernel.errors import InvalidInputError, NotFoundError
from hub.kernel.geo import GeoPoint
from hub.kernel.ids import new_id
from hub.kernel.money import CurrencyError, Money, currency_exponent
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub.kernel.quantity import positive_quantity
from hub.orders.booking import book_order
from hub.orders.claims import StockMovedError
from hub.orders.errors import EmptyOrderError, PriceChangedError
from hub.orders.messages import NewOrder, NewOrderLine, NewPayment
from hub.orders.models import LineFulfiller, OrderMethod, OrderStatus
from hub.orders.repository import customers_of_channels, now, order_by_external_id
from hub.orders.visibility import serves_anybody

MAX_ORDER_LINES = 500
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class PlaceOrderLine:
    """`unit_price` None: the price the hub has for the channel."""

    variant_id: UUID
    quantity: int
    unit_price: Money | None = None
    discount_minor: int = 0
    tax_minor: int = 0


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    channel_id: UUID
    lines: tuple[PlaceOrderLine, ...]
    method: OrderMethod
    currency: str
    external_id: str | None = None
    pickup_location_id: UUID | None = None
    handed_over_at: UUID | None = None
    destination: GeoPoint | None = None
    reservation_id: UUID | None = None
    customer_id: UUID | None = None
    evidence: tuple[IdentityEvidence, ...] = ()
    person: Person | None = None
    contact: Mapping[str, Any] = field(default_factory=dict, repr=False)
    payments: tuple[NewPayment, ...] = ()
    shipping_minor: int = 0


async def place_order(
    database: Database, principal: Principal, command: PlaceOrder, sealer: Sealer, *, idempotency_key: str
) -> Answer:
    """Book the order with its stock or refuse it. Outcome: order_id, and `known` when an order with the external
    id was there already: that one is given, unchanged.

    Refuses with InsufficientStockError, PriceChangedError (unless the credential holds orders:price),
    UnknownCustomerError, UnknownLocationError, ReservationMismatchError and the reservation errors. A customer
    orders for themselves: raises CustomerNotAllowedError when they name somebody else.
    """
    _check(principal, command)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer = await _attempt(database, principal, command, sealer, idempotency_key, last=attempt == ATTEMPTS)
        except (StockMovedError, _DueHoldsError):
            if attempt == ATTEMPTS:
                raise
            async with database.write() as session:
                named = {line.variant_id for line in command.lines}
                parts = (await bundle_parts(session, named)).values()
                named |= {part.variant_id for made_of in parts for part in made_of}
                await expire_due_on_variants(session, sorted(named))
        else:
            return answer
    raise AssertionError  # the last attempt answers or raises


class _DueHoldsError(Exception):
    """The pool is short, and it may be for holds that are due: let those lapse and try once more."""


async def _attempt(
    database: Database, principal: Principal, command: PlaceOrder, sealer: Sealer, key: str, *, last: bool
) -> Answer:
    async def work(session: WriteSession) -> Mapping[str, Any]:
        await _require_reach(session, principal, command)
        new = await _new_order(session, principal, command)
        try:
            order_id = await book_order(session, new, principal, sealer, shortage_allowed=False)
        except InsufficientStockError as short:
            if last:
                raise
            raise _DueHoldsError from short
        known = None
        if order_id is None:
            known = await order_by_external_id(session, command.channel_id, new.external_id)
            order_id = known.id if known is not None else None
        return {"order_id": str(order_id), "known": known is not None, "ids": [str(order_id)]}

    return await mutate(
        database,
        principal,
        operation="orderPlace",
        idempotency_key=key,
        payload=_payload(command),
        work=work,
    )


def _payload(command: PlaceOrder) -> dict[str, Any]:
    """The canonical input; it is only hashed, never stored."""
    return asdict(command)


def _check(principal: Principal, command: PlaceOrder) -> None:
    principal.require(Scope.ORDERS_WRITE)
    principal.require_channel(command.channel_id)
    principal.acts_for(command.customer_id)
    if not 1 <= len(command.lines) <= MAX_ORDER_LINES:
        raise EmptyOrderError(f"an order has 1 to {MAX_ORDER_LINES} lines, not {len(command.lines)}", path=("lines",))
    currency_exponent(command.currency)
    for index, line in enumerate(command.lines):
        _check_line(line, command.currency, ("lines", str(index)))
    if command.shipping_minor < 0:
        raise InvalidInputError("shipping cannot be negative", path=("shipping",))
    if command.method is OrderMethod.PICKUP and command.pickup_location_id is None:
        raise InvalidInputError("a PICKUP order names its pickupLocationId", path=("pickupLocationId",))
    if command.method is OrderMethod.HANDED_OVER:
        if command.handed_over_at is None:
            raise InvalidInputError("a HANDED_OVER order names its locationId", path=("locationId",))
        principal.require_location(command.handed_over_at)


def _check_line(line: PlaceOrderLine, currency: str, path: tuple[str, ...]) -> None:
    positive_quantity(line.quantity, path=(*path, "quantity"))
    price = line.unit_price
    if price is not None and price.currency != currency:
        raise CurrencyError(f"the order is in {currency}, this price in {price.currency}", path=(*path, "unitPrice"))
    if price is not None and price.amount_minor < 0:
        raise InvalidInputError("a unit price cannot be negative", path=(*path, "unitPrice"))
    if line.discount_minor < 0 or line.tax_minor < 0:
        raise InvalidInputError("discount and tax of a line cannot be negative", path=path)


async def _require_reach(session: WriteSession, principal: Principal, command: PlaceOrder) -> None:
    """What the command names must be the caller's to name."""
    if command.reservation_id is not None:
        await require_owner(session, principal, command.reservation_id)
    await _require_places(session, command)
    if command.customer_id is None or principal.kind is PrincipalKind.CUSTOMER:
        return
    pair = (command.customer_id, command.channel_id)
    reached = serves_anybody(principal) or pair in await customers_of_channels(session, [pair])
    if not reached or not await customers_by_ids(session, [command.customer_id]):
        raise UnknownCustomerError("there is no such customer", path=("customerId",))


async def _require_places(session: WriteSession, command: PlaceOrder) -> None:
    """A pickup is promised where the channel sells; a sale over any counter that exists is a fact."""
    if command.pickup_location_id is not None:
        await require_open_in_pool(session, command.channel_id, {command.pickup_location_id})
    if command.handed_over_at is not None:
        await require_known_location(session, command.handed_over_at)


async def _new_order(session: WriteSession, principal: Principal, command: PlaceOrder) -> NewOrder:
    channel = await session.get(Channel, command.channel_id)
    if channel is None:
        raise NotFoundError(f"there is no channel {command.channel_id}", path=("channelId",))
    external_id = command.external_id or str(new_id())
    lines = await _lines(session, principal, command)
    goods = sum(line.unit_price_minor * line.quantity - line.discount_minor for line in lines)
    tax = 0 if channel.prices_include_tax else sum(line.tax_minor for line in lines)
    total = Money(goods + tax + command.shipping_minor, command.currency)
    return NewOrder(
        channel_id=command.channel_id,
        external_id=external_id,
        number=external_id[-12:],
        status=OrderStatus.OPEN,
        method=command.method,
        currency=command.currency,
        prices_include_tax=channel.prices_include_tax,
        total_minor=total.amount_minor,
        placed_at=await now(session),
        source_version="",
        content_hash="",
        lines=lines,
        pickup_location_id=command.pickup_location_id,
        handed_over_at=command.handed_over_at,
        destination=command.destination,
        shipping_minor=command.shipping_minor,
        evidence=command.evidence,
        person=command.person,
        customer_id=principal.acts_for(command.customer_id),
        contact=dict(command.contact),
        payments=command.payments,
        reservation_id=command.reservation_id,
    )


async def _lines(session: WriteSession, principal: Principal, command: PlaceOrder) -> tuple[NewOrderLine, ...]:
    ids = [line.variant_id for line in command.lines]
    variants = await catalog.variants_by_ids(session, ids)
    prices = await _prices(session, command, ids)
    changed: list[Mapping[str, Any]] = []
    lines: list[NewOrderLine] = []
    for position, line in enumerate(command.lines):
        variant = variants.get(line.variant_id)
        if variant is None:
            raise NotFoundError(
                f"there is no variant {line.variant_id}", path=("lines", str(position), "variantId"), code="UNKNOWN_SKU"
            )
        ours = prices.get(line.variant_id)
        gross = line.quantity * (line.unit_price.amount_minor if line.unit_price is not None else ours or 0)
        if line.discount_minor > gross:
            raise InvalidInputError("a discount is at most the line's price", path=("lines", str(position), "discount"))
        theirs = line.unit_price.amount_minor if line.unit_price is not None else ours
        if theirs is None or (theirs != ours and not principal.may(Scope.ORDERS_PRICE)):
            changed.append({"sku": variant.sku, "sent": theirs, "current": ours, "currency": command.currency})
        lines.append(
            NewOrderLine(
                external_id=str(position + 1),
                title=variant.title or variant.sku,
                kind="GOODS",
                quantity=line.quantity,
                unit_price_minor=theirs or 0,
                discount_minor=line.discount_minor,
                tax_minor=line.tax_minor,
                variant_id=variant.id,
                sku=variant.sku,
                fulfilled_by=_fulfiller(command, variant.stock_policy),
            )
        )
    if changed:
        error = PriceChangedError("prices have changed; show the buyer the current ones", path=("lines",))
        error.details = {"lines": changed}
        raise error
    return tuple(lines)


def _fulfiller(command: PlaceOrder, stock_policy: str) -> LineFulfiller:
    if stock_policy == "UNTRACKED":
        return LineFulfiller.CHANNEL
    return LineFulfiller.HANDED_OVER if command.method is OrderMethod.HANDED_OVER else LineFulfiller.HUB


async def _prices(session: WriteSession, command: PlaceOrder, ids: Sequence[UUID]) -> dict[UUID, int]:
    """The listing's price where the channel has its own, else the catalog's in the order's currency."""
    found: dict[UUID, int] = {}
    for variant_id, prices in (await catalog.prices_by_variant_ids(session, ids)).items():
        for price in prices:
            if price.currency == command.currency:
                found[variant_id] = price.amount_minor
    for variant_id, listings in (await catalog.listings_by_variant_ids(session, ids)).items():
        for listing in listings:
            if (listing.channel_id, listing.currency) == (command.channel_id, command.currency) and listing.price_minor:
                found[variant_id] = listing.price_minor
    return found
