"""A channel that lives in this process: an `httpx` transport with a small shop behind it.

Tests drive it (`add_product`, `place_order`, `set_stock`) and make it misbehave (`faults`, `refused_variants`).
The adapter talks to it as it would to a real channel: requests, JSON, statuses and signed webhooks.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import httpx

from adapters.sdk.signatures import Encoding, sign_sha256
from adapters.sdk.types import RawWebhook
from hub.kernel.clock import parse_instant, utc_now

DEFAULT_TOKEN: Final = "memory-token"  # noqa: S105 (guards nothing)
DEFAULT_WEBHOOK_SECRET: Final = "memory-webhook-secret"  # noqa: S105 (the same)
PAGE_SIZE: Final = 50
MAX_STOCK_ROWS: Final = 50

Fault = httpx.Response | httpx.TransportError
Route = Callable[[httpx.Request, str], httpx.Response]

_named: dict[str, "MemoryChannel"] = {}


class MemoryChannel(httpx.AsyncBaseTransport):
    def __init__(
        self,
        *,
        token: str = DEFAULT_TOKEN,
        webhook_secret: str = DEFAULT_WEBHOOK_SECRET,
        currency: str = "EUR",
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.token = token
        self.webhook_secret = webhook_secret
        self.currency = currency
        self.clock = clock
        self.products: dict[str, dict[str, Any]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.stock: dict[tuple[str, str], int] = {}
        """Quantity by variant and location ("" where the channel does not count per place)."""
        self.faults: list[Fault] = []
        """What the next requests get instead of their answer."""
        self.refused_variants: set[str] = set()
        """Variants whose stock rows are refused while the others are written."""
        self.requests: list[httpx.Request] = []
        self._revision = 0

    @classmethod
    def named(cls, name: str) -> "MemoryChannel":
        """The channel of this process with that name, made when it is first asked for."""
        if name not in _named:
            _named[name] = cls()
        return _named[name]

    def add_product(self, product_id: str, title: str, *variants: Mapping[str, Any]) -> None:
        """Variants: {id, sku, price ("19.90"), stock?}."""
        for variant in variants:
            self.stock[(variant["id"], "")] = variant.get("stock", 0)
        sold = [{name: variant[name] for name in ("id", "sku", "price")} for variant in variants]
        self.products[product_id] = self._revised({"id": product_id, "title": title, "variants": sold})

    def place_order(self, lines: Sequence[tuple[str, int]], *, state: str = "OPEN", **fields: Any) -> str:
        """An order of variants and quantities, which takes its stock at once. Fields as `_order_fields`."""
        order_id = f"o{len(self.orders) + 1}"
        written = [self._line(index, *line) for index, line in enumerate(lines, start=1)]
        total = sum((Decimal(line["unit_price"]) * line["quantity"] for line in written), Decimal(0))
        about = self._order_fields(order_id) | {"state": state, "lines": written, "total": str(total)}
        self.orders[order_id] = self._revised(about | fields)
        for variant, quantity in lines:
            self.stock[(variant, "")] = self.stock.get((variant, ""), 0) - quantity
        return order_id

    def change_order(self, order_id: str, **fields: Any) -> None:
        self.orders[order_id] = self._revised(self.orders[order_id] | fields)

    def order_webhook(self, order_id: str, *, topic: str = "order.changed", url: str = "") -> RawWebhook:
        """A signed delivery that carries the order in full."""
        order = self.orders[order_id]
        return self.webhook({"id": f"{order_id}-{order['revision']}", "topic": topic, "order": order}, url=url)

    def webhook(self, content: Mapping[str, Any], *, url: str = "") -> RawWebhook:
        """Any delivery, signed over its time and its raw body."""
        body = json.dumps(content, separators=(",", ":")).encode()
        sent_at = self.clock().isoformat()
        signature = sign_sha256(self.webhook_secret, sent_at.encode() + b"." + body, encoding=Encoding.HEX)
        return RawWebhook({"memory-sent-at": sent_at, "memory-signature": signature}, body, url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, httpx.TransportError):
                raise fault
            return fault
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return httpx.Response(401, json={"reason": "unknown token"})
        return self._route(request)

    def _route(self, request: httpx.Request) -> httpx.Response:
        _, resource, *rest = request.url.path.split("/")
        routes: dict[tuple[str, str, int], Route] = {
            ("GET", "account", 0): lambda *_: _ok({"name": "memory", "currency": self.currency}),
            ("GET", "products", 0): lambda sent, _: self._page(sent, self.products),
            ("GET", "orders", 0): lambda sent, _: self._page(sent, self.orders),
            ("GET", "orders", 1): lambda _, one: _ok(self.orders[one]),
            ("PUT", "orders", 1): self._change,
            ("POST", "stock", 0): lambda sent, _: _ok({"rows": [self._write(row) for row in _rows(sent)]}),
            ("POST", "stock", 1): lambda sent, _: _ok({"rows": [self._read(row) for row in _rows(sent)]}),
        }
        route = routes.get((request.method, resource, len(rest)))
        entity = rest[0] if rest else ""
        if route is None or (resource == "orders" and rest and entity not in self.orders):
            return httpx.Response(404, json={"reason": f"no {request.url.path}"})
        return route(request, entity)

    def _page(self, request: httpx.Request, entries: Mapping[str, Mapping[str, Any]]) -> httpx.Response:
        """In order of revision, which grows with every change: what moves is met again, never skipped."""
        after = int(request.url.params.get("cursor", "0"))
        since = parse_instant(request.url.params.get("since", "1970-01-01T00:00:00Z"))
        found = sorted(
            (one for one in entries.values() if one["revision"] > after and parse_instant(one["modified"]) >= since),
            key=lambda one: one["revision"],
        )
        shown = found[:PAGE_SIZE]
        return _ok({"items": shown, "next": shown[-1]["revision"] if len(found) > len(shown) else None})

    def _change(self, request: httpx.Request, order_id: str) -> httpx.Response:
        """Sets the order's fields; `shipments` are merged by key."""
        changes = json.loads(request.content)
        shipments = self.orders[order_id]["shipments"] | changes.pop("shipments", {})
        self.change_order(order_id, **changes, shipments=shipments)
        return _ok(self.orders[order_id])

    def _write(self, row: Mapping[str, Any]) -> dict[str, Any]:
        place = (row["variant"], row["location"] or "")
        current = self.stock.get(place, 0)
        if row["variant"] in self.refused_variants or row["variant"] not in self._variants():
            return {"status": "refused", "quantity": None, "reason": f"variant {row['variant']} is not for sale"}
        if row["observed"] not in {None, current}:
            return {"status": "stale", "quantity": current, "reason": "the quantity has changed"}
        self.stock[place] = row["quantity"]
        return {"status": "written", "quantity": row["quantity"], "reason": ""}

    def _read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {"quantity": self.stock.get((row["variant"], row["location"] or ""))}

    def _variants(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Product id and variant by variant id."""
        return {
            variant["id"]: (product_id, variant)
            for product_id, product in self.products.items()
            for variant in product["variants"]
        }

    def _line(self, index: int, variant_id: str, quantity: int) -> dict[str, Any]:
        product_id, variant = self._variants()[variant_id]
        return {
            "id": f"l{index}",
            "title": self.products[product_id]["title"],
            "product": product_id,
            "variant": variant_id,
            "sku": variant["sku"],
            "quantity": quantity,
            "unit_price": variant["price"],
        }

    def _order_fields(self, order_id: str) -> dict[str, Any]:
        return {
            "id": order_id,
            "number": order_id.upper(),
            "currency": self.currency,
            "placed_at": self.clock().isoformat(),
            "prices_include_tax": True,
            "method": "SHIP",
            "location": None,
            "customer": None,
            "note": "",
            "hub_order": None,
            "shipments": {},
        }

    def _revised(self, entity: dict[str, Any]) -> dict[str, Any]:
        self._revision += 1
        return entity | {"revision": self._revision, "modified": self.clock().isoformat()}


def _rows(request: httpx.Request) -> list[Any]:
    rows: list[Any] = json.loads(request.content)["rows"]
    return rows


def _ok(content: Any) -> httpx.Response:
    return httpx.Response(200, json=content)
