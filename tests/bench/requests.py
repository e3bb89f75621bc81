"""What the load generator sends: each operation as complete HTTP requests, and how its answers are judged."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import uuid4

from adapters.woocommerce.simulator import Hook, Sale, SaleLine, Shop
from adapters.woocommerce.simulator.hooks import compose
from tests.bench.documents import DOCUMENTS

PAGES: Final = 20
SKUS_ASKED: Final = 50
SOLD_ITEMS: Final = 200
BUYERS: Final = 1_000
SEED: Final = 7


@dataclass(frozen=True, slots=True)
class Facts:
    """What the seeded hub looks like to its clients."""

    host: str
    port: int
    token: str
    till_token: str
    skus: list[str] = field(default_factory=list)
    handles: list[str] = field(default_factory=list)
    cursors: list[str | None] = field(default_factory=list)
    till_location: str = ""
    webhook_path: str = ""
    webhook_secret: str = ""
    hot_sku: str = ""
    scarce_sku: str = ""


class Operation(Protocol):
    def request(self) -> bytes: ...

    def outcome(self, status: int, body: bytes) -> str:
        """`ok`, `refused` (an answer the client can act on) or `failed`."""
        ...


class _GraphQL:
    def __init__(self, facts: Facts, document: str, variables: Iterator[dict[str, Any]], *, token: str = "") -> None:
        self._facts = facts
        self._query = DOCUMENTS[document]
        self._variables = variables
        self._token = token or facts.token

    def request(self) -> bytes:
        body = json.dumps({"query": self._query, "variables": next(self._variables)}).encode()
        return _post(self._facts, "/graphql", body, {"authorization": f"Bearer {self._token}"})

    def outcome(self, status: int, body: bytes) -> str:
        if status != 200 or b'"data":null' in body:
            return "failed"
        answer = json.loads(body) if b'"code":"' in body or b'"errors":[{' in body else None
        if answer is None:
            return "ok"
        return "failed" if "errors" in answer else _payload_outcome(answer["data"])


class _Webhook:
    """A WooCommerce store that sells and posts a signed `order.created` for each sale."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._shop = Shop(currency="EUR")
        self._shop.load(
            [
                {"id": 10 + index, "name": sku, "sku": sku, "price": "19.90", "stock": 1_000_000}
                for index, sku in enumerate(facts.skus[:SOLD_ITEMS])
            ]
        )
        self._hook = Hook(f"http://{facts.host}{facts.webhook_path}", facts.webhook_secret)
        self._chance = random.Random(SEED)

    def request(self) -> bytes:
        item = 10 + self._chance.randrange(min(SOLD_ITEMS, len(self._facts.skus)))
        buyer = self._chance.randrange(BUYERS)
        address = {"first_name": "Ada", "last_name": "Byron", "city": "Berlin", "postcode": "10115", "country": "DE"}
        order = self._shop.sell(
            Sale(
                (SaleLine(item, 1),),
                billing={**address, "email": f"buyer-{buyer}@example.org"},
                shipping=address,
            )
        )
        delivery = compose(self._shop, self._hook, "order.created", order.id)
        return _post(self._facts, self._facts.webhook_path, delivery.body, delivery.headers)

    def outcome(self, status: int, body: bytes) -> str:
        return "ok" if status == 200 and b'"STORED"' in body else "failed"


def _payload_outcome(data: dict[str, Any]) -> str:
    codes = {error["code"] for payload in data.values() for error in (payload or {}).get("errors", ())}
    if not codes:
        return "ok"
    return "refused" if codes == {"INSUFFICIENT_STOCK"} else "failed"


def _post(facts: Facts, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = {"host": f"{facts.host}:{facts.port}", "content-type": "application/json", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body


def _catalog_page(facts: Facts) -> Operation:
    chance = random.Random(SEED)

    def variables() -> Iterator[dict[str, Any]]:
        while True:
            yield {"after": chance.choice(facts.cursors)}

    return _GraphQL(facts, "catalog_page", variables())


def _product_detail(facts: Facts) -> Operation:
    chance = random.Random(SEED)

    def variables() -> Iterator[dict[str, Any]]:
        while True:
            yield {"handle": chance.choice(facts.handles)}

    return _GraphQL(facts, "product_detail", variables())


def _availability(facts: Facts) -> Operation:
    chance = random.Random(SEED)

    def variables() -> Iterator[dict[str, Any]]:
        while True:
            yield {"skus": chance.sample(facts.skus, SKUS_ASKED)}

    return _GraphQL(facts, "availability", variables())


def _reservations(facts: Facts, choose: Callable[[random.Random], str], *, ttl_seconds: int = 900) -> Operation:
    chance = random.Random(SEED)

    def variables() -> Iterator[dict[str, Any]]:
        while True:
            lines = [{"sku": choose(chance), "quantity": 1}]
            yield {"input": {"idempotencyKey": str(uuid4()), "lines": lines, "ttlSeconds": ttl_seconds}}

    return _GraphQL(facts, "reservation", variables())


def _till(facts: Facts) -> Operation:
    chance = random.Random(SEED)

    def variables() -> Iterator[dict[str, Any]]:
        while True:
            line = {"sku": chance.choice(facts.skus), "quantity": 1, "locationId": facts.till_location}
            yield {"input": {"idempotencyKey": str(uuid4()), "lines": [line], "ttlSeconds": 900}}

    return _GraphQL(facts, "reservation", variables(), token=facts.till_token)


def _orders(facts: Facts) -> Operation:
    chance = random.Random(SEED)

    def variables() -> Iterator[dict[str, Any]]:
        while True:
            line = {"sku": chance.choice(facts.skus), "quantity": 1}
            yield {"input": {"idempotencyKey": str(uuid4()), "method": "SHIP", "currencyCode": "EUR", "lines": [line]}}

    return _GraphQL(facts, "order", variables())


_MAKERS: Final[dict[str, Callable[[Facts], Operation]]] = {
    "catalog_page": _catalog_page,
    "product_detail": _product_detail,
    "availability_50": _availability,
    "reservation.graphql.random": lambda facts: _reservations(facts, lambda chance: chance.choice(facts.skus)),
    "reservation.graphql.hot": lambda facts: _reservations(facts, lambda _: facts.hot_sku),
    "reservation.graphql.till": _till,
    "oversell_hot": lambda facts: _reservations(facts, lambda _: facts.scarce_sku),
    "order_place": _orders,
    "webhook_to_order": _Webhook,
}


def make_operation(name: str, facts: Facts) -> Operation:
    """The operation that the generator runs. Raises KeyError for a name it does not know."""
    return _MAKERS[name](facts)
