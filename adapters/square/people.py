"""Who an order is for, and where it goes; pure."""

from adapters.sdk.reading import Reader
from adapters.sdk.types import ChannelCustomer, PostalAddress

_DETAILS = ("pickup_details", "shipment_details", "delivery_details")


def recipient(fulfillment: Reader) -> tuple[Reader | None, Reader | None]:
    """The recipient of a fulfillment, and the details that name them."""
    for name in _DETAILS:
        details = fulfillment.object_or_none(name)
        if details is not None:
            return details.object_or_none("recipient"), details
    return None, None


def read_customer(order: Reader) -> ChannelCustomer | None:
    """Square's customer by id, with what a fulfillment says about its recipient; nothing here is verified."""
    person = _first_recipient(order)
    external_id = order.text_or_empty("customer_id") or _id_from(person) or _id_from_tenders(order)
    if person is None:
        return ChannelCustomer(external_id) if external_id else None
    first, last = _names(person)
    return ChannelCustomer(
        external_id=external_id or None,
        email=person.text_or_empty("email_address"),
        phone=person.text_or_empty("phone_number"),
        first_name=first,
        last_name=last,
    )


def read_recipient_address(order: Reader) -> PostalAddress | None:
    """Where a shipment or delivery goes."""
    person = _first_recipient(order)
    address = person.object_or_none("address") if person is not None else None
    if person is None or address is None:
        return None
    lines = [address.text_or_empty(f"address_line_{number}") for number in (2, 3)]
    return PostalAddress(
        name=" ".join(filter(None, _names(person))),
        line1=address.text_or_empty("address_line_1"),
        line2=", ".join(filter(None, lines)),
        city=address.text_or_empty("locality"),
        region=address.text_or_empty("administrative_district_level_1"),
        postal_code=address.text_or_empty("postal_code"),
        country_code=_country(address),
        phone=person.text_or_empty("phone_number"),
    )


def _first_recipient(order: Reader) -> Reader | None:
    found = (recipient(fulfillment)[0] for fulfillment in order.list("fulfillments"))
    return next((person for person in found if person is not None), None)


def _id_from(person: Reader | None) -> str:
    return person.text_or_empty("customer_id") if person is not None else ""


def _id_from_tenders(order: Reader) -> str:
    """A sale at a till knows its customer through the payment."""
    known = (tender.text_or_empty("customer_id") for tender in order.list("tenders"))
    return next(filter(None, known), "")


def _names(person: Reader) -> tuple[str, str]:
    address = person.object_or_none("address")
    if address is not None and address.has("first_name"):
        return address.text("first_name"), address.text_or_empty("last_name")
    first, _, last = person.text_or_empty("display_name").strip().rpartition(" ")
    return (first, last) if first else (last, "")


def _country(address: Reader) -> str:
    """Square writes ZZ for a country it does not know."""
    code = address.text_or_empty("country")
    return "" if code == "ZZ" else code
