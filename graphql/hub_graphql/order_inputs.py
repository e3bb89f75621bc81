"""What the mutations and filters of orders take, and how it becomes a command."""

from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub import orders
from hub.catalog import views
from hub.customers import IdentityEvidence, IdentityKind, Person
from hub.inventory import ReturnCondition as StockCondition
from hub.inventory import UnknownLocationError, UnknownVariantError
from hub_graphql.channels import needed_channel
from hub_graphql.context import RequestContext
from hub_graphql.geography import GeoPointInput, parse_point
from hub_graphql.ids import expect_id
from hub_graphql.locations import load_location
from hub_graphql.money import MoneyInput, parse_amount, parse_money
from hub_graphql.order_types import OrderMethod, OrderStatus, ReturnCondition
from hub_graphql.payloads import KEY_DESCRIPTION, VERSION_DESCRIPTION


@strawberry.enum(description="Why an order is cancelled.")
class CancelReason(Enum):
    CUSTOMER = enum_value("CUSTOMER", description="The buyer wishes it.")
    OUT_OF_STOCK = enum_value("OUT_OF_STOCK", description="It cannot be delivered.")
    FRAUD = enum_value("FRAUD", description="It is not genuine.")
    STAFF = enum_value("STAFF", description="The retailer's decision.")


@strawberry.input(description="Which orders to list; what is not given does not narrow.")
class OrderFilter:
    channel: str | None = strawberry.field(default=None, description="Captured from this channel (code or id).")
    statuses: list[OrderStatus] | None = strawberry.field(default=None, description="In one of these states.")
    customer_id: strawberry.ID | None = strawberry.field(default=None, description="Of this customer.")
    held: bool | None = strawberry.field(default=None, description="Waiting for a person, or not.")


@strawberry.input(description="A line to order. Amounts are decimals in the order's currency.")
class OrderPlaceLineInput:
    sku: str = strawberry.field(description="The variant's sku; else UNKNOWN_SKU.")
    quantity: int = strawberry.field(description="Units, 1 to 1,000,000,000.")
    unit_price: MoneyInput | None = strawberry.field(
        default=None,
        description="The price of a unit that the buyer saw: PRICE_CHANGED when it does not hold any more and the "
        "credential lacks orders:price. Null: the price that holds.",
    )
    discount: str = strawberry.field(default="0", description="All discounts of the line, not negative.")
    tax: str = strawberry.field(default="0", description="The line's tax, not negative.")


@strawberry.input(description="Who orders. What is verified finds the person again in every channel.")
class OrderCustomerInput:
    external_id: str | None = strawberry.field(default=None, description="The person's id in the channel.")
    email: str | None = strawberry.field(default=None, description="E-mail address.")
    email_verified: bool = strawberry.field(default=False, description="Whether it was proven to be theirs.")
    phone: str | None = strawberry.field(default=None, description="Phone number, as +49… or with phoneCountry.")
    phone_country: str = strawberry.field(default="", description="ISO 3166-1 alpha-2, for a national number.")
    phone_verified: bool = strawberry.field(default=False, description="Whether it was proven to be theirs.")
    loyalty_card: str | None = strawberry.field(default=None, description="A loyalty card that they showed.")
    first_name: str = strawberry.field(default="", description="First name.")
    last_name: str = strawberry.field(default="", description="Last name.")


@strawberry.input(description="A postal address.")
class AddressInput:
    name: str = strawberry.field(default="", description="The addressee.")
    line1: str = strawberry.field(default="", description="Street and number.")
    line2: str = strawberry.field(default="", description="More of it.")
    postal_code: str = strawberry.field(default="", description="Postal code.")
    city: str = strawberry.field(default="", description="City.")
    region: str = strawberry.field(default="", description="State or province.")
    country_code: str = strawberry.field(default="", description="ISO 3166-1 alpha-2 code.")
    phone: str = strawberry.field(default="", description="A phone number for the carrier.")


@strawberry.input(description="A reference to a payment that another system took. Never card data.")
class OrderPaymentInput:
    reference: str = strawberry.field(description="The payment's id in the system that took it.")
    method: str = strawberry.field(description="How it was paid.")
    amount: MoneyInput = strawberry.field(description="What was paid.")


@strawberry.input(description="An order to place.")
class OrderPlaceInput:
    idempotency_key: str = strawberry.field(description=KEY_DESCRIPTION)
    lines: list[OrderPlaceLineInput] = strawberry.field(description="1 to 500 lines.")
    method: OrderMethod = strawberry.field(description="How the buyer receives the goods.")
    channel: str | None = strawberry.field(default=None, description="Code or id; without it, the credential's own.")
    currency_code: str | None = strawberry.field(default=None, description="ISO 4217; without it, the channel's.")
    external_id: str | None = strawberry.field(
        default=None, description="Your own id of the order, unique in the channel; without it, the hub makes one."
    )
    pickup_location_id: strawberry.ID | None = strawberry.field(default=None, description="For PICKUP: where.")
    location_id: strawberry.ID | None = strawberry.field(
        default=None, description="For HANDED_OVER: the location whose units the buyer took along."
    )
    destination: GeoPointInput | None = strawberry.field(
        default=None, description="About where it goes, to choose a near location; kept to a kilometre."
    )
    reservation_id: strawberry.ID | None = strawberry.field(
        default=None, description="The cart's reservation, which must hold exactly these lines."
    )
    customer_id: strawberry.ID | None = strawberry.field(default=None, description="Who orders, when known.")
    customer: OrderCustomerInput | None = strawberry.field(default=None, description="Who orders, as evidence.")
    ship_to: AddressInput | None = strawberry.field(default=None, description="Where it is sent; kept sealed.")
    note: str = strawberry.field(default="", description="What the buyer wrote; kept sealed.")
    payments: list[OrderPaymentInput] = strawberry.field(
        default_factory=list, description="References to its payments."
    )
    shipping: str = strawberry.field(default="0", description="What shipping costs, as a decimal.")


@strawberry.input(description="An order to cancel.")
class OrderCancelInput:
    id: strawberry.ID = strawberry.field(description="The order's global id.")
    reason: CancelReason = strawberry.field(description="Why.")
    idempotency_key: str = strawberry.field(description=KEY_DESCRIPTION)
    expected_version: int | None = strawberry.field(default=None, description=VERSION_DESCRIPTION)


@strawberry.input(description="Units of a line that came back.")
class OrderReturnLineInput:
    order_line_id: strawberry.ID = strawberry.field(description="The order line.")
    quantity: int = strawberry.field(description="Units: at most those handed out and not returned yet.")
    condition: ReturnCondition = strawberry.field(
        default=ReturnCondition.SELLABLE, description="Their condition; it decides which stock they become."
    )


@strawberry.input(description="Goods that came back.")
class OrderReturnInput:
    id: strawberry.ID = strawberry.field(description="The order's global id.")
    location_id: strawberry.ID = strawberry.field(description="Where the goods are now.")
    lines: list[OrderReturnLineInput] = strawberry.field(description="1 to 100 lines.")
    idempotency_key: str = strawberry.field(description=KEY_DESCRIPTION)
    expected_version: int | None = strawberry.field(default=None, description=VERSION_DESCRIPTION)


async def place_command(context: RequestContext, given: OrderPlaceInput) -> orders.PlaceOrder:
    """Raises the typed errors of what cannot be read, with paths below `input`."""
    channel = await needed_channel(context, given.channel, path=("channel",))
    currency = given.currency_code or channel.currency
    return orders.PlaceOrder(
        channel_id=channel.id,
        lines=await _lines(context, given.lines, currency),
        method=orders.OrderMethod[given.method.name],
        currency=currency,
        external_id=given.external_id,
        pickup_location_id=await _location(context, given.pickup_location_id, "pickupLocationId"),
        handed_over_at=await _location(context, given.location_id, "locationId"),
        destination=parse_point(given.destination, path=("destination",)) if given.destination else None,
        reservation_id=_key("Reservation", given.reservation_id, "reservationId"),
        customer_id=_key("Customer", given.customer_id, "customerId"),
        evidence=_evidence(given.customer, channel.id),
        person=_person(given.customer),
        contact=_contact(given),
        payments=tuple(_payment(payment, index) for index, payment in enumerate(given.payments)),
        shipping_minor=parse_amount(given.shipping, currency, path=("shipping",)).amount_minor,
    )


async def return_command(context: RequestContext, given: OrderReturnInput) -> orders.ReturnOrder:
    location_id = await _location(context, given.location_id, "locationId")
    if location_id is None:
        raise UnknownLocationError("name the location where the goods are", path=("locationId",))
    return orders.ReturnOrder(
        order_id=expect_id("Order", given.id, path=("id",)),
        location_id=location_id,
        lines=tuple(
            orders.ReturnLineInput(
                expect_id("OrderLine", line.order_line_id, path=("lines", str(index), "orderLineId")),
                line.quantity,
                StockCondition[line.condition.name],
            )
            for index, line in enumerate(given.lines)
        ),
        expected_version=given.expected_version,
    )


async def _lines(
    context: RequestContext, given: list[OrderPlaceLineInput], currency: str
) -> tuple[orders.PlaceOrderLine, ...]:
    skus = sorted({line.sku for line in given})
    known = dict(zip(skus, await context.load_many(views.variant_ids_by_skus, skus), strict=True))
    lines = []
    for index, line in enumerate(given):
        path = ("lines", str(index))
        variant_id = known[line.sku]
        if variant_id is None:
            raise UnknownVariantError(f"there is no variant with the sku {line.sku[:60]!r}", path=(*path, "sku"))
        price = parse_money(line.unit_price, path=(*path, "unitPrice")) if line.unit_price else None
        discount = parse_amount(line.discount, currency, path=(*path, "discount")).amount_minor
        tax = parse_amount(line.tax, currency, path=(*path, "tax")).amount_minor
        lines.append(orders.PlaceOrderLine(variant_id, line.quantity, price, discount, tax))
    return tuple(lines)


async def _location(context: RequestContext, given: strawberry.ID | None, name: str) -> UUID | None:
    key = _key("Location", given, name)
    if key is not None and await load_location(context, key) is None:
        raise UnknownLocationError("there is no such location", path=(name,))
    return key


def _key(type_name: str, given: strawberry.ID | None, name: str) -> UUID | None:
    return None if given is None else expect_id(type_name, given, path=(name,))


def _evidence(given: OrderCustomerInput | None, channel_id: UUID) -> tuple[IdentityEvidence, ...]:
    if given is None:
        return ()
    found = []
    if given.external_id:
        found.append(IdentityEvidence(IdentityKind.CHANNEL_ACCOUNT, given.external_id, channel_id=channel_id))
    if given.email:
        found.append(IdentityEvidence(IdentityKind.EMAIL, given.email, verified=given.email_verified))
    if given.phone:
        verified, country = given.phone_verified, given.phone_country
        found.append(IdentityEvidence(IdentityKind.PHONE, given.phone, verified=verified, country=country))
    if given.loyalty_card:
        found.append(IdentityEvidence(IdentityKind.LOYALTY_CARD, given.loyalty_card, verified=True))
    return tuple(found)


def _person(given: OrderCustomerInput | None) -> Person | None:
    if given is None:
        return None
    return Person(given.first_name, given.last_name, given.email or "", given.phone or "")


def _contact(given: OrderPlaceInput) -> dict[str, Any]:
    contact: dict[str, Any] = {}
    if given.ship_to is not None:
        contact["ship_to"] = {name: value for name, value in vars(given.ship_to).items() if value}
    if given.note:
        contact["note"] = given.note
    return contact


def _payment(given: OrderPaymentInput, index: int) -> orders.NewPayment:
    amount = parse_money(given.amount, path=("payments", str(index), "amount"))
    return orders.NewPayment(given.reference, given.method, amount.amount_minor, amount.currency)
