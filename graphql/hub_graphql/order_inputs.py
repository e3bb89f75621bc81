"""What the mutations and filters of orders take, and how it becomes a command."""

from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub import orders
from hub.customers import IdentityEvidence, IdentityKind, Person
from hub.inventory import ReturnCondition as StockCondition
from hub.inventory import UnknownLocationError
from hub.kernel.money import CurrencyError
from hub_graphql.channels import needed_channel
from hub_graphql.context import RequestContext
from hub_graphql.geography import GeoPointInput, parse_point
from hub_graphql.ids import expect_id, expect_id_or_none
from hub_graphql.locations import load_location
from hub_graphql.money import MoneyInput, parse_money
from hub_graphql.naming import (
    LocationInput,
    Path,
    UnitsInput,
    location_key,
    location_key_or_none,
    variants_of_lines,
)
from hub_graphql.order_types import OrderHold, OrderMethod, OrderStatus, ReturnCondition
from hub_graphql.payloads import KeyedInput, VersionedInput

_PLACE = ("locationId",)
_PICKUP = ("pickupLocationId",)
_ORDER = "The order's global id. Errors: INVALID_ID, ORDER_NOT_FOUND."


@strawberry.enum(description="Why an order is cancelled.")
class OrderCancelReason(Enum):
    CUSTOMER = enum_value("CUSTOMER", description="The buyer wishes it.")
    OUT_OF_STOCK = enum_value("OUT_OF_STOCK", description="It cannot be delivered.")
    FRAUD = enum_value("FRAUD", description="It is not genuine.")
    STAFF = enum_value("STAFF", description="The retailer's decision.")


@strawberry.input(description="Which orders to list; what is not given does not narrow.")
class OrderFilterInput:
    channel: str | None = strawberry.field(
        default=None, description="Captured from this channel, by its code or id; CHANNEL_NOT_FOUND."
    )
    statuses: list[OrderStatus] | None = strawberry.field(default=None, description="In one of these states.")
    customer_id: strawberry.ID | None = strawberry.field(
        default=None, description="Of this customer, by id; INVALID_ID."
    )
    held: bool | None = strawberry.field(default=None, description="Waiting for a person, or not.")
    holds: list[OrderHold] | None = strawberry.field(
        default=None, description="Waiting for one of these reasons; beside held: false none is found."
    )


@strawberry.input(description="A line to order. Its amounts are in the order's currency; else UNKNOWN_CURRENCY.")
class OrderPlaceLineInput(UnitsInput):
    unit_price: MoneyInput | None = strawberry.field(
        default=None,
        description="The price of a unit that the buyer saw: PRICE_CHANGED when it does not hold any more and the "
        "credential lacks orders:price. Null: the price that holds.",
    )
    discount: MoneyInput | None = strawberry.field(
        default=None, description="All discounts of the line, not negative. Null: none."
    )
    tax: MoneyInput | None = strawberry.field(default=None, description="The line's tax, not negative. Null: none.")


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
class OrderPlaceInput(KeyedInput):
    lines: list[OrderPlaceLineInput] = strawberry.field(description="1 to 500 lines; else EMPTY_ORDER.")
    method: OrderMethod = strawberry.field(description="How the buyer receives the goods.")
    channel: str | None = strawberry.field(
        default=None,
        description="The channel's code or id; by default the credential's own. Errors: CHANNEL_NOT_FOUND, "
        "CHANNEL_NOT_ALLOWED.",
    )
    currency_code: str | None = strawberry.field(default=None, description="ISO 4217; without it, the channel's.")
    external_id: str | None = strawberry.field(
        default=None, description="Your own id of the order, unique in the channel; without it, the hub makes one."
    )
    pickup_location_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Where the customer collects, for PICKUP, by id. Errors: INVALID_ID, UNKNOWN_LOCATION.",
    )
    location_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="For HANDED_OVER: the location whose units the buyer took along, by id; by default the "
        "credential's only one. Errors: INVALID_ID, UNKNOWN_LOCATION.",
    )
    location_code: str | None = strawberry.field(
        default=None, description="The location's code, instead of its id. Errors: UNKNOWN_LOCATION."
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
    shipping: MoneyInput | None = strawberry.field(
        default=None, description="What shipping costs, in the order's currency, not negative. Null: nothing."
    )


@strawberry.input(description="An order to cancel.")
class OrderCancelInput(VersionedInput):
    id: strawberry.ID = strawberry.field(description=_ORDER)
    reason: OrderCancelReason = strawberry.field(description="Why.")


@strawberry.input(description="Units of a line that came back.")
class OrderReturnLineInput:
    order_line_id: strawberry.ID = strawberry.field(description="The order line's global id; else INVALID_ID.")
    quantity: int = strawberry.field(
        description="Units: at most those handed out and not returned yet; else RETURN_EXCEEDS_FULFILLED."
    )
    condition: ReturnCondition = strawberry.field(
        default=ReturnCondition.SELLABLE, description="Their condition; it decides which stock they become."
    )


@strawberry.input(description="Goods that came back, and the location where they are now.")
class OrderReturnInput(VersionedInput, LocationInput):
    id: strawberry.ID = strawberry.field(description=_ORDER)
    lines: list[OrderReturnLineInput] = strawberry.field(description="1 to 100 lines.")


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
        pickup_location_id=await _known(
            context, expect_id_or_none("Location", given.pickup_location_id, path=_PICKUP), _PICKUP
        ),
        handed_over_at=await _known(context, await _handed_over_at(context, given), _PLACE),
        destination=parse_point(given.destination, path=("destination",)) if given.destination else None,
        reservation_id=expect_id_or_none("Reservation", given.reservation_id, path=("reservationId",)),
        customer_id=expect_id_or_none("Customer", given.customer_id, path=("customerId",)),
        evidence=evidence_of(given.customer, channel.id),
        person=person_of(given.customer),
        contact=_contact(given),
        payments=tuple(payment_of(payment, index) for index, payment in enumerate(given.payments)),
        shipping_minor=minor_of(given.shipping, currency, ("shipping",)),
    )


async def return_command(context: RequestContext, given: OrderReturnInput) -> orders.ReturnOrder:
    location_id = await location_key(context, given.location_id, given.location_code, path=_PLACE)
    await _known(context, location_id, _PLACE)
    return orders.ReturnOrder(
        order_id=expect_id("Order", given.id),
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
    lines = []
    for index, (line, variant_id) in enumerate(zip(given, await variants_of_lines(context, given), strict=True)):
        path = ("lines", str(index))
        price = parse_money(line.unit_price, path=(*path, "unitPrice")) if line.unit_price else None
        discount = minor_of(line.discount, currency, (*path, "discount"))
        tax = minor_of(line.tax, currency, (*path, "tax"))
        lines.append(orders.PlaceOrderLine(variant_id, line.quantity, price, discount, tax))
    return tuple(lines)


def minor_of(given: MoneyInput | None, currency: str, path: Path) -> int:
    """Minor units of the order's currency, 0 for none. Raises AmountError or CurrencyError."""
    if given is None:
        return 0
    amount = parse_money(given, path=path)
    if amount.currency != currency:
        raise CurrencyError(f"the order is in {currency}, this amount in {amount.currency}", path=path)
    return amount.amount_minor


async def _handed_over_at(context: RequestContext, given: OrderPlaceInput) -> UUID | None:
    if given.method is not OrderMethod.HANDED_OVER and given.location_id is None and given.location_code is None:
        return None
    return await location_key_or_none(context, given.location_id, given.location_code, path=_PLACE)


async def _known(context: RequestContext, location_id: UUID | None, path: Path) -> UUID | None:
    """The location again. Raises UnknownLocationError when there is none with this id."""
    if location_id is not None and await load_location(context, location_id) is None:
        raise UnknownLocationError("there is no such location", path=path)
    return location_id


def evidence_of(given: OrderCustomerInput | None, channel_id: UUID) -> tuple[IdentityEvidence, ...]:
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


def person_of(given: OrderCustomerInput | None) -> Person | None:
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


def payment_of(given: OrderPaymentInput, index: int) -> orders.NewPayment:
    amount = parse_money(given.amount, path=("payments", str(index), "amount"))
    return orders.NewPayment(given.reference, given.method, amount.amount_minor, amount.currency)
