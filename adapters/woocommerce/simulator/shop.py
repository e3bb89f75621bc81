"""The simulated store's state: products, orders, and what changed since the last webhook."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from hub.kernel.clock import utc_now

CLOSED_STATES = frozenset({"cancelled", "refunded", "trash", "failed"})


@dataclass(slots=True)
class Item:
    """A product or (with a parent) a variation."""

    id: int
    name: str
    sku: str
    price: str
    created: datetime
    modified: datetime
    kind: str = "simple"
    parent_id: int = 0
    manage_stock: bool = True
    stock: int | None = 0
    weight: str = ""
    barcode: str = ""
    description: str = ""
    category: str = "Uncategorized"
    options: dict[str, str] = field(default_factory=dict)
    variations: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SaleLine:
    item_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Sale:
    """What a buyer does at the simulated checkout."""

    lines: tuple[SaleLine, ...]
    customer_id: int = 0
    billing: Mapping[str, str] = field(default_factory=dict)
    shipping: Mapping[str, str] = field(default_factory=dict)
    pickup_location: str | None = None
    discount: str = "0"
    """Off the first line."""
    shipping_total: str = "0.00"
    status: str = "processing"


@dataclass(slots=True)
class OrderLine:
    id: int
    item: Item
    quantity: int
    discount: Decimal
    reduced: int = 0
    """Units taken out of the store's stock for this line."""


@dataclass(slots=True)
class Order:
    id: int
    sale: Sale
    status: str
    lines: list[OrderLine]
    created: datetime
    modified: datetime
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> Decimal:
        goods = sum((line_total(line) for line in self.lines), Decimal(0))
        return goods + Decimal(self.sale.shipping_total)


class Shop:
    """All state of one store; `clock` dates every change."""

    def __init__(
        self,
        *,
        consumer_key: str = "ck_simulator",
        consumer_secret: str = "cs_simulator",  # noqa: S107 (a simulation's default)
        currency: str = "USD",
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.consumer_key = consumer_key
        self.consumer_secret = consumer_secret
        self.currency = currency
        self.clock = clock
        self.items: dict[int, Item] = {}
        self.orders: dict[int, Order] = {}
        self.pending: dict[tuple[str, int], None] = {}
        """Webhook topics and ids waiting to be sent, coalesced and in order."""
        self.faults: list[tuple[int, str | None]] = []
        """Statuses (and Retry-After) that the next REST requests get instead of their answer."""
        self._ids = itertools.count(1)

    def load(self, catalog: Sequence[Mapping[str, Any]]) -> None:
        """Add products: {id?, name, sku, price, stock?, weight?, barcode?, description?, category?,
        variations?: [{id?, sku, price, stock?, options: {name: value}}]}."""
        for entry in catalog:
            self.add(**entry)

    def add(self, *, variations: Sequence[Mapping[str, Any]] = (), **fields: Any) -> Item:
        product = self._item(kind="variable" if variations else "simple", **fields)
        if variations:
            product.manage_stock, product.stock, product.sku = False, None, ""
        for entry in variations:
            child = self._item(kind="variation", parent_id=product.id, **{"name": product.name, **entry})
            product.variations.append(child.id)
        return product

    def find(self, sku: str) -> Item:
        return next(item for item in self.items.values() if item.sku == sku)

    def set_stock(self, item: Item, quantity: int) -> None:
        item.stock = quantity
        self.touch(item)

    def touch(self, item: Item) -> None:
        item.modified = self.clock()
        self.pending[("product.updated", item.parent_id or item.id)] = None

    def sell(self, sale: Sale) -> Order:
        """Takes the order and the stock at once, also below zero: this store does not refuse."""
        now, order_id = self.clock(), self._next_id()
        lines = [
            OrderLine(
                self._next_id(),
                self.items[line.item_id],
                line.quantity,
                Decimal(sale.discount) if index == 0 else Decimal(0),
            )
            for index, line in enumerate(sale.lines)
        ]
        order = Order(order_id, sale, sale.status, lines, now, now)
        if sale.pickup_location is not None:
            order.meta["_hub_pickup_location"] = sale.pickup_location
        self.orders[order_id] = order
        self.pending[("order.created", order_id)] = None
        self._move_stock(order, taking=sale.status not in CLOSED_STATES)
        return order

    def update_order(self, order: Order, *, status: str | None, meta: Mapping[str, Any]) -> None:
        order.meta |= meta
        order.modified = self.clock()
        if status is not None and status != order.status:
            order.status = status
            self._move_stock(order, taking=status not in CLOSED_STATES)
        self.pending[("order.updated", order.id)] = None

    def _move_stock(self, order: Order, *, taking: bool) -> None:
        for line in order.lines:
            wanted = line.quantity if taking else 0
            if line.item.manage_stock and line.reduced != wanted:
                line.item.stock = (line.item.stock or 0) - (wanted - line.reduced)
                line.reduced = wanted
                self.touch(line.item)

    def _item(self, *, id: int | None = None, **fields: Any) -> Item:  # noqa: A002 (the catalog's own word)
        now = self.clock()
        item = Item(id=self._next_id() if id is None else id, created=now, modified=now, **fields)
        if item.id in self.items:
            raise ValueError(f"id {item.id} is used twice in the catalog")
        self.items[item.id] = item
        return item

    def _next_id(self) -> int:
        return next(one for one in self._ids if one not in self.items)


def line_total(line: OrderLine) -> Decimal:
    return Decimal(line.item.price) * line.quantity - line.discount
