"""The account's entities in the shape of Square's API."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from adapters.square.client import instant_text
from hub.kernel.money import Money

if TYPE_CHECKING:
    from adapters.square.simulator.seller import Item, Location, Sale, Seller, Variation

Json = dict[str, Any]

_DETAILS = {"PICKUP": "pickup_details", "SHIPMENT": "shipment_details", "DELIVERY": "delivery_details"}


def money(amount: Money) -> Json:
    return {"amount": amount.amount_minor, "currency": amount.currency}


def location_json(seller: "Seller", location: "Location") -> Json:
    return {
        "id": location.id,
        "name": location.name,
        "status": location.status,
        "merchant_id": seller.merchant_id,
        "currency": location.currency,
        "type": "PHYSICAL",
    }


def item_json(seller: "Seller", item: "Item") -> Json:
    variations = [seller.variations[one] for one in item.variations]
    names = dict.fromkeys(name for one in variations for name in one.options)
    data: Json = {
        "name": item.name,
        "description_html": item.description,
        "product_type": "REGULAR",
        "is_archived": False,
        "variations": [variation_json(one) for one in variations],
    }
    if names:
        data["item_options"] = [{"item_option_id": option_id(name)} for name in names]
    if item.category:
        data["categories"] = [{"id": category_id(item.category)}]
    return {
        "type": "ITEM",
        "id": item.id,
        "updated_at": instant_text(item.updated_at),
        "version": item.version,
        "is_deleted": item.deleted,
        "present_at_all_locations": True,
        "item_data": data,
    }


def variation_json(variation: "Variation") -> Json:
    data: Json = {
        "item_id": variation.item_id,
        "name": variation.name,
        "sku": variation.sku,
        "pricing_type": "FIXED_PRICING",
        "price_money": money(variation.price),
        "track_inventory": variation.tracked,
        "sellable": True,
        "stockable": True,
    }
    if variation.barcode:
        data["upc"] = variation.barcode
    if variation.options:
        data["item_option_values"] = [
            {"item_option_id": option_id(name), "item_option_value_id": value_id(name, value)}
            for name, value in variation.options.items()
        ]
    return {
        "type": "ITEM_VARIATION",
        "id": variation.id,
        "updated_at": instant_text(variation.updated_at),
        "version": variation.version,
        "is_deleted": False,
        "present_at_all_locations": True,
        "item_variation_data": data,
    }


def category_json(seller: "Seller", name: str) -> Json:
    return _named(seller, "CATEGORY", category_id(name), {"category_data": {"name": name}})


def option_json(seller: "Seller", name: str) -> Json:
    """An item option with every value that a variation takes."""
    taken = dict.fromkeys(
        variation.options[name] for variation in seller.variations.values() if name in variation.options
    )
    values = [
        _named(seller, "ITEM_OPTION_VAL", value_id(name, value), {"item_option_value_data": {"name": value}})
        for value in taken
    ]
    return _named(seller, "ITEM_OPTION", option_id(name), {"item_option_data": {"name": name, "values": values}})


def category_id(name: str) -> str:
    return f"CATEGORY-{name}"


def option_id(name: str) -> str:
    return f"OPTION-{name}"


def value_id(name: str, value: str) -> str:
    return f"VALUE-{name}-{value}"


def count_json(seller: "Seller", place: tuple[str, str]) -> Json:
    variation_id, location_id = place
    return {
        "catalog_object_id": variation_id,
        "catalog_object_type": "ITEM_VARIATION",
        "state": "IN_STOCK",
        "location_id": location_id,
        "quantity": str(seller.quantity(variation_id, location_id)),
        "calculated_at": instant_text(seller.clock()),
    }


def new_order(seller: "Seller", sale: "Sale", order_id: str, at: datetime) -> Json:
    """A paid sale is complete at once; an order with a fulfillment stays open until that is completed."""
    lines = [_line_json(seller, sale, index) for index in range(len(sale.lines))]
    tip = Money.parse(sale.tip, seller.currency)
    total = Money(sum(line["total_money"]["amount"] for line in lines), seller.currency) + tip
    nothing = Money(0, seller.currency)
    discount = Money.parse(sale.discount, seller.currency)
    moment = instant_text(at)
    done = sale.paid and sale.fulfillment is None
    order: Json = {
        "id": order_id,
        "location_id": sale.location_id,
        "source": {"name": "Square Online" if sale.fulfillment else "Square Point of Sale"},
        "line_items": lines,
        "created_at": moment,
        "updated_at": moment,
        "state": "COMPLETED" if done else "OPEN",
        "total_money": money(total),
        "total_tax_money": money(nothing),
        "total_discount_money": money(discount),
        "total_tip_money": money(tip),
        "net_amount_due_money": money(nothing if sale.paid else total),
    }
    if done:
        order["closed_at"] = moment
    if sale.customer_id:
        order["customer_id"] = sale.customer_id
    if sale.fulfillment:
        order |= {"version": 1, "fulfillments": [_fulfillment_json(sale, moment)]}
    if sale.paid:
        order["tenders"] = [_tender_json(sale, order_id, total, moment)]
    return order


def merge(into: Json, changes: Mapping[str, Any]) -> None:
    """A sparse update: objects are merged, anything else is replaced."""
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            merge(into[name], value)
        else:
            into[name] = value


def _line_json(seller: "Seller", sale: "Sale", index: int) -> Json:
    line = sale.lines[index]
    variation = seller.variations[line.variation_id]
    gross = variation.price.times(line.quantity)
    discount = Money.parse(sale.discount if index == 0 else "0", seller.currency)
    return {
        "uid": f"line-{index + 1}",
        "catalog_object_id": variation.id,
        "catalog_version": variation.version,
        "quantity": str(line.quantity),
        "name": seller.items[variation.item_id].name,
        "variation_name": variation.name,
        "item_type": "ITEM",
        "base_price_money": money(variation.price),
        "variation_total_price_money": money(gross),
        "gross_sales_money": money(gross),
        "total_tax_money": money(Money(0, seller.currency)),
        "total_discount_money": money(discount),
        "total_money": money(gross - discount),
    }


def _fulfillment_json(sale: "Sale", moment: str) -> Json:
    details: Json = {"placed_at": moment}
    if sale.recipient:
        details["recipient"] = dict(sale.recipient)
    kind = sale.fulfillment or ""
    return {"uid": "fulfillment-1", "type": kind, "state": "PROPOSED", _DETAILS[kind]: details}


def _tender_json(sale: "Sale", order_id: str, total: Money, moment: str) -> Json:
    tender = {
        "id": f"{order_id}-TENDER",
        "payment_id": f"{order_id}-PAYMENT",
        "location_id": sale.location_id,
        "created_at": moment,
        "amount_money": money(total),
        "type": sale.tender,
    }
    if sale.customer_id:
        tender["customer_id"] = sale.customer_id
    return tender


def _named(seller: "Seller", kind: str, object_id: str, data: Json) -> Json:
    described = {"type": kind, "id": object_id, "updated_at": instant_text(seller.clock()), "version": 1}
    return described | {"is_deleted": False, "present_at_all_locations": True} | data
