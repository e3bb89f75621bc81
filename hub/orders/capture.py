"""A channel's order becomes ours: once, whatever road it comes by (webhook, poll, replay), and however often."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select

from adapters.sdk.types import ChannelOrder, ChannelOrderLine, FulfillmentMethod, OrderState, PostalAddress
from hub.catalog import repository as catalog
from hub.channels.models import Channel
from hub.customers import channel_evidence
from hub.infra import outbox
from hub.infra.database import WriteSession
from hub.infra.sealing import Sealer
from hub.kernel.errors import InvalidInputError
from hub.kernel.money import CurrencyError
from hub.kernel.principal import SYSTEM
from hub.kernel.quantity import positive_quantity
from hub.orders.booking import book_order, changed, take_details
from hub.orders.following import MAPPABLE, CancelsOpenUnits, follow, follow_mapping
from hub.orders.messages import NewOrder, NewOrderLine, NewPayment
from hub.orders.models import LineFulfiller, Order, OrderHold, OrderMethod, OrderStatus
from hub.orders.timeline import note

_NOT_TRACKED = frozenset({"UNTRACKED"})


class CaptureResult(StrEnum):
    CREATED = "CREATED"
    UPDATED = "UPDATED"
    IGNORED = "IGNORED"
    """Older than, or equal to, what we have."""
    REREAD = "REREAD"
    """Same version, other content: ask the channel which is true."""


async def capture_order(
    session: WriteSession,
    channel: Channel,
    order: ChannelOrder,
    sealer: Sealer,
    *,
    cancel: CancelsOpenUnits,
    reread: bool = False,
) -> CaptureResult:
    """Get or create by (channel, external id); an older version never overwrites a newer one.

    An order that waits for a mapping is mapped again whenever it comes, and goes on when everything is known.
    `reread`: the order was just read from the channel to settle a REREAD, so at an equal version it is right.
    Locks the order before anything else. Raises StockMovedError when the whole transaction should run again.
    """
    known = await _locked(session, channel.id, order.external_id)
    if known is None:
        new = await to_new_order(session, channel, order)
        if await book_order(session, new, SYSTEM, sealer, shortage_allowed=True) is not None:
            return CaptureResult.CREATED
        known = await _locked(session, channel.id, order.external_id)
        if known is None:
            raise AssertionError("an order that cannot be inserted exists")
    return await _update(session, channel, known, order, cancel, sealer=sealer, reread=reread)


def _check(order: ChannelOrder) -> None:
    """Refuse what cannot be kept: lines that cannot be told apart, absurd quantities, amounts in several currencies."""
    names = [line.external_id for line in order.lines]
    if len(set(names)) < len(names):
        raise InvalidInputError("two lines of the order have one id", path=("lines",), code="LINE_ID_REPEATED")
    for index, line in enumerate(order.lines):
        if line.quantity > 0:
            positive_quantity(line.quantity, path=("lines", str(index), "quantity"))
    amounts = [amount for line in order.lines for amount in (line.unit_price, line.discount, line.tax)]
    foreign = {amount.currency for amount in (order.total, order.shipping, *amounts) if amount is not None}
    if foreign - {order.currency}:
        raise CurrencyError(f"the order is in {order.currency} and has amounts in other currencies", path=("lines",))


async def to_new_order(session: WriteSession, channel: Channel, order: ChannelOrder) -> NewOrder:
    """The channel's order in the hub's words: lines mapped to variants, locations to ours, history recognised."""
    _check(order)
    locations = await _locations(session, channel.id)
    location_id = locations.get(order.external_location_id or "")
    if location_id is None and len(set(locations.values())) == 1 and order.method is FulfillmentMethod.HANDED_OVER:
        location_id = next(iter(locations.values()))
    lines = await _lines(session, channel, order)
    is_history = order.placed_at < channel.go_live_at
    evidence, person = (
        channel_evidence(channel.id, order.customer, country=_country(order)) if order.customer else ([], None)
    )
    return NewOrder(
        channel_id=channel.id,
        external_id=order.external_id,
        number=order.number,
        origin=order.origin,
        status=_status(order),
        hold=_hold(order, lines, location_id, is_history=is_history),
        is_history=is_history,
        method=OrderMethod(order.method.value),
        pickup_location_id=location_id if order.method is FulfillmentMethod.PICKUP else None,
        handed_over_at=location_id if order.method is FulfillmentMethod.HANDED_OVER else None,
        destination=order.ship_to.geo if order.ship_to is not None else None,
        currency=order.currency,
        prices_include_tax=order.prices_include_tax,
        shipping_minor=order.shipping.amount_minor if order.shipping is not None else 0,
        total_minor=order.total.amount_minor,
        placed_at=order.placed_at,
        source_version=order.source_version,
        content_hash=order.content_hash,
        lines=lines,
        evidence=tuple(evidence),
        person=person,
        contact=_contact(order),
        payments=tuple(
            NewPayment(item.reference, item.method, item.amount.amount_minor, item.amount.currency, item.paid_at)
            for item in order.payments
        ),
    )


async def _update(
    session: WriteSession,
    channel: Channel,
    known: Order,
    order: ChannelOrder,
    cancel: CancelsOpenUnits,
    *,
    sealer: Sealer,
    reread: bool,
) -> CaptureResult:
    same = order.content_hash == known.content_hash
    if order.source_version < known.source_version:
        return CaptureResult.IGNORED
    if order.source_version > known.source_version or (reread and not same):
        new = await to_new_order(session, channel, order)
        await take_details(session, known, new, sealer)
        await follow(session, known, order, new, cancel)
        known.source_version, known.content_hash = order.source_version, order.content_hash
        return await _updated(session, known, "CHANNEL_UPDATE")
    if not same:
        return CaptureResult.REREAD
    if known.hold in MAPPABLE and await follow_mapping(session, known, await to_new_order(session, channel, order)):
        return await _updated(session, known, "MAPPED")
    return CaptureResult.IGNORED


async def _updated(session: WriteSession, known: Order, kind: str) -> CaptureResult:
    known.version += 1
    await session.flush()
    await note(session, known.id, kind, SYSTEM, channel_id=known.channel_id)
    await outbox.record(session, changed(known))
    return CaptureResult.UPDATED


async def _locked(session: WriteSession, channel_id: UUID, external_id: str) -> Order | None:
    found = await session.execute(
        select(Order)
        .where(col(Order.channel_id) == channel_id, col(Order.external_id) == external_id)
        .with_for_update(key_share=True)
    )
    return found.scalar_one_or_none()


async def _locations(session: WriteSession, channel_id: UUID) -> dict[str, UUID]:
    rows = await session.execute(
        text(
            "SELECT coalesce(external_location_id, location_id::text), location_id FROM channel_locations"
            " WHERE channel_id = :id"
        ),
        {"id": channel_id},
    )
    return {row[0]: row[1] for row in rows}


async def _lines(session: WriteSession, channel: Channel, order: ChannelOrder) -> tuple[NewOrderLine, ...]:
    variants = await _variants(session, channel.id, order.lines)
    untracked = {
        variant.id
        for variant in (await catalog.variants_by_ids(session, variants.values())).values()
        if variant.stock_policy in _NOT_TRACKED
    }
    return tuple(
        NewOrderLine(
            external_id=line.external_id,
            title=line.title,
            kind=line.kind.value,
            quantity=line.quantity,
            unit_price_minor=line.unit_price.amount_minor,
            discount_minor=line.discount.amount_minor if line.discount is not None else 0,
            tax_minor=line.tax.amount_minor if line.tax is not None else 0,
            variant_id=variants.get(line.external_id),
            sku=line.sku,
            fulfilled_by=_fulfiller(order, line, variants.get(line.external_id), untracked),
        )
        for line in order.lines
        if line.quantity > 0
    )


async def _variants(session: WriteSession, channel_id: UUID, lines: Sequence[ChannelOrderLine]) -> Mapping[str, UUID]:
    """Line id → variant: by the listing's external id, else by sku. Never by name."""
    external = {line.external_variant_id or line.external_product_id for line in lines}
    listings = await catalog.listings_by_external_variant_ids(session, channel_id, [name for name in external if name])
    skus = await catalog.variants_by_skus(session, [line.sku for line in lines if line.sku])
    found: dict[str, UUID] = {}
    for line in lines:
        listing = listings.get(line.external_variant_id or line.external_product_id or "")
        if listing is not None:
            found[line.external_id] = listing.variant_id
        elif line.sku in skus:
            found[line.external_id] = skus[line.sku].id
    return found


def _fulfiller(
    order: ChannelOrder, line: ChannelOrderLine, variant_id: UUID | None, untracked: set[UUID]
) -> LineFulfiller:
    if line.kind.value != "GOODS" or (variant_id is not None and variant_id in untracked):
        return LineFulfiller.CHANNEL
    if order.method is FulfillmentMethod.HANDED_OVER:
        return LineFulfiller.HANDED_OVER
    if order.state is OrderState.COMPLETED:
        # Delivered before we heard of it, from a place we cannot know: a count finds what left our shelves.
        return LineFulfiller.CHANNEL
    return LineFulfiller.HUB


def _status(order: ChannelOrder) -> OrderStatus:
    match order.state:
        case OrderState.PENDING_PAYMENT | OrderState.UNKNOWN:
            return OrderStatus.PENDING_PAYMENT
        case OrderState.CANCELLED:
            return OrderStatus.CANCELLED
        case OrderState.COMPLETED:
            return OrderStatus.COMPLETED
        case _:
            return OrderStatus.OPEN


def _hold(
    order: ChannelOrder, lines: Sequence[NewOrderLine], location_id: UUID | None, *, is_history: bool
) -> OrderHold | None:
    if is_history:
        return OrderHold.GO_LIVE_REVIEW if order.state is OrderState.OPEN else None
    if order.state is OrderState.UNKNOWN:
        return OrderHold.UNKNOWN_STATE
    if order.state is OrderState.CANCELLED or all(line.fulfilled_by is LineFulfiller.CHANNEL for line in lines):
        return None
    if any(line.variant_id is None for line in lines if line.kind == "GOODS"):
        return OrderHold.UNMAPPED_LINE
    placed = {FulfillmentMethod.PICKUP, FulfillmentMethod.HANDED_OVER}
    if order.method in placed and location_id is None:
        return OrderHold.UNKNOWN_LOCATION
    return None


def _country(order: ChannelOrder) -> str:
    for address in (order.bill_to, order.ship_to):
        if address is not None and address.country_code:
            return address.country_code
    return ""


def _contact(order: ChannelOrder) -> dict[str, Any]:
    contact: dict[str, Any] = {}
    for name, address in (("ship_to", order.ship_to), ("bill_to", order.bill_to)):
        if address is not None:
            contact[name] = _plain(address)
    if order.note:
        contact["note"] = order.note
    return contact


def _plain(address: PostalAddress) -> dict[str, Any]:
    return {name: value for name, value in asdict(address).items() if value and name != "geo"}
