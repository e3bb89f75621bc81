"""The store's JSON, with the fields that a real server writes."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from adapters.woocommerce.simulator.shop import Item, Order, OrderLine, Shop, line_total

_SOLD_FIELDS: Final[Mapping[str, Any]] = {
    "status": "publish",
    "description": "",
    "sale_price": "",
    "date_on_sale_from": None,
    "date_on_sale_from_gmt": None,
    "date_on_sale_to": None,
    "date_on_sale_to_gmt": None,
    "on_sale": False,
    "purchasable": True,
    "virtual": False,
    "downloadable": False,
    "downloads": [],
    "download_limit": -1,
    "download_expiry": -1,
    "tax_status": "taxable",
    "tax_class": "",
    "backorders": "no",
    "backorders_allowed": False,
    "backordered": False,
    "low_stock_amount": None,
    "dimensions": {"length": "", "width": "", "height": ""},
    "shipping_class": "",
    "shipping_class_id": 0,
    "menu_order": 0,
    "meta_data": [],
}

_PRODUCT_FIELDS: Final[Mapping[str, Any]] = {
    "featured": False,
    "catalog_visibility": "visible",
    "short_description": "",
    "total_sales": 0,
    "external_url": "",
    "button_text": "",
    "sold_individually": False,
    "shipping_required": True,
    "shipping_taxable": True,
    "reviews_allowed": True,
    "average_rating": "0.00",
    "rating_count": 0,
    "upsell_ids": [],
    "cross_sell_ids": [],
    "purchase_note": "",
    "brands": [],
    "tags": [],
    "images": [],
    "default_attributes": [],
    "grouped_products": [],
    "price_html": "",
    "related_ids": [],
    "post_password": "",
}

_BLANK_ADDRESS: Final[Mapping[str, str]] = dict.fromkeys(
    (
        "first_name",
        "last_name",
        "company",
        "address_1",
        "address_2",
        "city",
        "state",
        "postcode",
        "country",
        "phone",
    ),
    "",
)

_ORDER_FIELDS: Final[Mapping[str, Any]] = {
    "parent_id": 0,
    "version": "11.0.1",
    "prices_include_tax": False,
    "discount_tax": "0.00",
    "shipping_tax": "0.00",
    "cart_tax": "0.00",
    "total_tax": "0.00",
    "payment_method": "bacs",
    "payment_method_title": "",
    "transaction_id": "",
    "customer_ip_address": "",
    "customer_user_agent": "",
    "created_via": "checkout",
    "customer_note": "",
    "date_completed": None,
    "date_completed_gmt": None,
    "cart_hash": "",
    "tax_lines": [],
    "fee_lines": [],
    "coupon_lines": [],
    "refunds": [],
    "payment_url": "",
    "is_editable": False,
    "needs_payment": False,
    "needs_processing": True,
    "currency_symbol": "$",
    "_links": {},
}


def product_json(shop: Shop, item: Item) -> dict[str, Any]:
    variable = item.kind == "variable"
    children = [shop.items[one] for one in item.variations]
    return {
        **_sold_json(item),
        **_PRODUCT_FIELDS,
        "slug": item.sku.lower() or f"product-{item.id}",
        "price": children[0].price if children else item.price,
        "regular_price": "" if variable else item.price,
        "categories": [{"id": 15, "name": item.category, "slug": item.category.lower()}],
        "attributes": [_choices(name, children) for name in _option_names(children)],
        "variations": list(item.variations),
        "has_options": variable,
    }


def variation_json(item: Item) -> dict[str, Any]:
    return {
        **_sold_json(item),
        "name": ", ".join(item.options.values()),
        "image": None,
        "gallery_image_ids": [],
        "attributes": [
            {"id": 0, "name": name, "slug": name.lower(), "option": value} for name, value in item.options.items()
        ],
    }


def order_json(shop: Shop, order: Order) -> dict[str, Any]:
    sale = order.sale
    discount = sum((line.discount for line in order.lines), Decimal(0))
    return {
        "id": order.id,
        **_ORDER_FIELDS,
        "status": order.status,
        "currency": shop.currency,
        **_dates(order.created, order.modified),
        "discount_total": _amount(discount),
        "shipping_total": sale.shipping_total,
        "total": _amount(order.total),
        "customer_id": sale.customer_id,
        "order_key": f"wc_order_{order.id}",
        "billing": {**_BLANK_ADDRESS, "email": "", **sale.billing},
        "shipping": {**_BLANK_ADDRESS, **sale.shipping},
        "date_paid": _written(order.created),
        "date_paid_gmt": _written(order.created),
        "number": str(order.id),
        "meta_data": [
            {"id": index, "key": key, "value": value} for index, (key, value) in enumerate(order.meta.items())
        ],
        "line_items": [_line_json(line) for line in order.lines],
        "shipping_lines": [_shipping_json(order)],
    }


def _line_json(line: OrderLine) -> dict[str, Any]:
    item = line.item
    taken = {"key": "_reduced_stock", "value": str(line.reduced)}
    return {
        "id": line.id,
        "name": item.name,
        "product_id": item.parent_id or item.id,
        "variation_id": item.id if item.parent_id else 0,
        "quantity": line.quantity,
        "tax_class": "",
        "subtotal": _amount(line_total(line) + line.discount),
        "subtotal_tax": "0.00",
        "total": _amount(line_total(line)),
        "total_tax": "0.00",
        "taxes": [],
        "meta_data": [{"id": line.id, **taken, "display_key": "_reduced_stock", "display_value": taken["value"]}]
        if line.reduced
        else [],
        "sku": item.sku,
        "global_unique_id": item.barcode,
        "price": float(line_total(line) / line.quantity),
        "image": {"id": "", "src": ""},
        "parent_name": None,
    }


def _shipping_json(order: Order) -> dict[str, Any]:
    pickup = order.sale.pickup_location is not None
    return {
        "id": order.id + 1_000_000,
        "method_title": "Local pickup" if pickup else "Flat rate",
        "method_id": "local_pickup" if pickup else "flat_rate",
        "instance_id": "1",
        "total": order.sale.shipping_total,
        "total_tax": "0.00",
        "taxes": [],
        "meta_data": [],
    }


def _sold_json(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        **_SOLD_FIELDS,
        "name": item.name,
        "permalink": f"/product/{item.id}/",
        **_dates(item.created, item.modified),
        "type": item.kind,
        "description": item.description,
        "sku": item.sku,
        "global_unique_id": item.barcode,
        "price": item.price,
        "regular_price": item.price,
        "manage_stock": item.manage_stock,
        "stock_quantity": item.stock if item.manage_stock else None,
        "stock_status": "instock" if not item.manage_stock or (item.stock or 0) > 0 else "outofstock",
        "weight": item.weight,
        "parent_id": item.parent_id,
        "_links": {},
    }


def _option_names(children: list[Item]) -> list[str]:
    return list(dict.fromkeys(name for child in children for name in child.options))


def _choices(name: str, children: list[Item]) -> dict[str, Any]:
    values = list(dict.fromkeys(child.options[name] for child in children if name in child.options))
    about = {"id": 0, "name": name, "slug": name, "position": 0, "visible": True, "variation": True}
    return {**about, "options": values}


def _dates(created: datetime, modified: datetime) -> dict[str, str]:
    return {
        "date_created": _written(created),
        "date_created_gmt": _written(created),
        "date_modified": _written(modified),
        "date_modified_gmt": _written(modified),
    }


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _amount(value: Decimal) -> str:
    return str(value.quantize(Decimal("0.01")))
