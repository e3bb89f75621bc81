"""The simulated account's state: locations, catalog, counts, orders, and the events not yet delivered."""

import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.square.client import instant_text
from adapters.square.simulator import shapes
from adapters.square.simulator.counts import Tally
from hub.kernel.clock import utc_now
from hub.kernel.ids import new_id
from hub.kernel.money import Money

Json = dict[str, Any]

MAX_REMEMBERED = 10_000


@dataclass(slots=True)
class Location:
    id: str
    name: str
    currency: str
    status: str = "ACTIVE"


@dataclass(slots=True)
class Variation:
    id: str
    item_id: str
    name: str
    sku: str
    price: Money
    version: int
    updated_at: datetime
    barcode: str = ""
    options: dict[str, str] = field(default_factory=dict)
    tracked: bool = True


@dataclass(slots=True)
class Item:
    id: str
    name: str
    version: int
    updated_at: datetime
    description: str = ""
    category: str = ""
    deleted: bool = False
    variations: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SaleLine:
    variation_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale at a till, or (with a fulfillment type) an order placed online. Amounts are decimal strings."""

    lines: tuple[SaleLine, ...]
    location_id: str
    fulfillment: str | None = None
    recipient: Mapping[str, Any] = field(default_factory=dict)
    customer_id: str | None = None
    discount: str = "0"
    """Off the first line."""
    tip: str = "0"
    paid: bool = True
    tender: str = "CARD"


@dataclass(frozen=True, slots=True)
class Event:
    """One webhook event: its id and content stay the same however often it is delivered."""

    event_id: str
    topic: str
    body: Json
    attempts: int = 0


class Seller:
    """All state of one account; `clock` dates every change."""

    def __init__(
        self,
        *,
        access_token: str = "EAAAsimulator",  # noqa: S107 (a simulation's default)
        currency: str = "USD",
        locations: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.access_token = access_token
        self.currency = currency
        self.merchant_id = "MLSIMULATOR"
        self.clock = clock
        known = locations or {"LMAIN": "Main Street"}
        self.locations = {code: Location(code, name, currency) for code, name in known.items()}
        self.items: dict[str, Item] = {}
        self.variations: dict[str, Variation] = {}
        self.tallies: dict[tuple[str, str], Tally] = {}
        self.orders: dict[str, Json] = {}
        self.pending: deque[Event] = deque()
        """Events waiting to be delivered, oldest first."""
        self.delivered: deque[Event] = deque(maxlen=MAX_REMEMBERED)
        self.faults: list[tuple[int, str | None]] = []
        """Statuses (and Retry-After) that the next API requests get instead of their answer."""
        self.remembered: dict[str, tuple[str, Json]] = {}
        """Idempotency key to the digest of its request and the answer given."""
        self.max_page = 1000
        self._numbers = itertools.count(1)

    def load(self, catalog: Sequence[Mapping[str, Any]]) -> None:
        """Add items: {id?, name, sku, price, stock?, barcode?, description?, category?, tracked?,
        variations?: [{id?, name?, sku, price, stock?, barcode?, options: {name: value}}]}.

        `stock` is a number (at every location) or {location id: number}; other fields are ignored.
        """
        for entry in catalog:
            self.add(entry)

    def add(self, entry: Mapping[str, Any]) -> Item:
        now = self.clock()
        item = Item(
            id=str(entry.get("id") or self._next("ITEM")),
            name=entry["name"],
            version=next(self._numbers),
            updated_at=now,
            description=entry.get("description", ""),
            category=entry.get("category", ""),
        )
        self.items[item.id] = item
        alone = {**entry, "id": None, "name": "Regular"}
        for choice in entry.get("variations") or [alone]:
            item.variations.append(self._add_variation(item, choice, now).id)
        self._announce_catalog(now)
        return item

    def touch(self, item: Item, *, deleted: bool = False) -> None:
        item.version, item.updated_at, item.deleted = next(self._numbers), self.clock(), deleted
        self._announce_catalog(item.updated_at)

    def find(self, sku: str) -> Variation:
        return next(one for one in self.variations.values() if one.sku == sku)

    def quantity(self, variation_id: str, location_id: str) -> int:
        return self.tallies[variation_id, location_id].quantity

    def count(self, variation_id: str, location_id: str, quantity: int, at: datetime | None = None) -> None:
        """A physical count: by the hub, or by somebody in the shop."""
        tally = self.tallies.setdefault((variation_id, location_id), Tally())
        tally.count(quantity, at or self.clock())
        self._announce_counts([(variation_id, location_id)])

    def sell(self, sale: Sale) -> Json:
        """Takes the order, and when it is paid the stock at once, also below zero: a till does not refuse."""
        now = self.clock()
        order = shapes.new_order(self, sale, self._next("ORDER"), now)
        self.orders[order["id"]] = order
        self.announce_order("order.created", order)
        if sale.paid:
            self._take(sale, now)
        return order

    def change_order(self, order: Json, changes: Mapping[str, Any]) -> None:
        """Apply a sparse order that was checked; the account closes what is fulfilled and paid."""
        for change in changes.get("fulfillments", ()):
            found = next(one for one in order["fulfillments"] if one["uid"] == change["uid"])
            shapes.merge(found, change)
        if "state" in changes:
            order["state"] = changes["state"]
        states = {one["state"] for one in order.get("fulfillments", ())} - {"CANCELED", "FAILED"}
        if order.get("tenders") and states == {"COMPLETED"}:
            order["state"] = "COMPLETED"
        order["updated_at"] = instant_text(self.clock())
        if "version" in order:
            order["version"] += 1
        self.announce_order("order.updated", order)

    def announce_order(self, topic: str, order: Json) -> None:
        name = topic.replace(".", "_")
        fields = ["location_id", "state", "version", "created_at"]
        if topic != "order.created":
            fields.append("updated_at")
        content = {"order_id": order["id"], **{one: order[one] for one in fields if one in order}}
        self._announce(topic, {"type": name, "id": order["id"], "object": {name: content}})

    def remember(self, key: str, digest: str, answer: Json) -> None:
        self.remembered[key] = (digest, answer)
        while len(self.remembered) > MAX_REMEMBERED:
            del self.remembered[next(iter(self.remembered))]

    def _take(self, sale: Sale, at: datetime) -> None:
        places = [(line.variation_id, sale.location_id) for line in sale.lines]
        for place, line in zip(places, sale.lines, strict=True):
            if self.variations[line.variation_id].tracked:
                self.tallies.setdefault(place, Tally()).move(-line.quantity, at)
        self._announce_counts(places)

    def _add_variation(self, item: Item, entry: Mapping[str, Any], now: datetime) -> Variation:
        options = dict(entry.get("options", {}))
        variation = Variation(
            id=str(entry.get("id") or self._next("VAR")),
            item_id=item.id,
            name=entry.get("name") or " / ".join(options.values()) or "Regular",
            sku=entry.get("sku", ""),
            price=Money.parse(str(entry["price"]), self.currency),
            version=item.version,
            updated_at=now,
            barcode=entry.get("barcode", ""),
            options=options,
            tracked=entry.get("tracked", True),
        )
        if variation.id in self.variations:
            raise ValueError(f"id {variation.id} is used twice in the catalog")
        self.variations[variation.id] = variation
        stock = entry.get("stock", 0)
        for location, quantity in (stock if isinstance(stock, dict) else self._everywhere(stock)).items():
            self.tallies[variation.id, location] = Tally(quantity, now)
        return variation

    def _everywhere(self, quantity: int) -> dict[str, int]:
        return dict.fromkeys(self.locations, quantity)

    def _announce_catalog(self, at: datetime) -> None:
        content = {"catalog_version": {"updated_at": instant_text(at)}}
        self._announce("catalog.version.updated", {"type": "catalog_version", "object": content})

    def _announce_counts(self, places: Sequence[tuple[str, str]]) -> None:
        counts = [shapes.count_json(self, place) for place in dict.fromkeys(places) if place in self.tallies]
        if counts:
            content = {"type": "inventory_counts", "object": {"inventory_counts": counts}}
            self._announce("inventory.count.updated", content)

    def _announce(self, topic: str, data: Json) -> None:
        event_id = str(new_id())
        body = {
            "merchant_id": self.merchant_id,
            "type": topic,
            "event_id": event_id,
            "created_at": instant_text(self.clock()),
            "data": {"id": str(new_id()), **data},
        }
        self.pending.append(Event(event_id, topic, body))

    def _next(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers):08d}"
