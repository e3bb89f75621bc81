"""HTTP to one store's REST API v3; no knowledge of what the answers mean to the hub."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import httpx

from adapters.sdk.errors import AdapterError, AuthFailed, ContractBroken, Rejected
from adapters.sdk.reading import Reader, read_list
from adapters.sdk.transport import ChannelTransport, Json, RateLimit
from adapters.woocommerce.oauth import OneLeggedOAuth
from adapters.woocommerce.settings import WooCommerceSettings

T = TypeVar("T")

API: Final = "/wp-json/wc/v3/"
PAGE_SIZE: Final = 100
BATCH_SIZE: Final = 100
"""The store refuses more rows than this in one batch, create, update and delete together (413)."""
MAX_VARIATION_PAGES: Final = 20

_NOT_FOUND: Final = 404
_AUTH_STATUSES: Final = frozenset({401, 403})


class WooCommerceClient:
    def __init__(self, settings: WooCommerceSettings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = ChannelTransport(
            settings.base_url + API,
            auth=_credentials(settings),
            headers={"accept": "application/json", "user-agent": "unified-commerce-hub"},
            rate_limit=RateLimit(settings.requests_per_second, burst=10),
            timeout=httpx.Timeout(60.0, connect=5.0),  # a batch of 100 takes a store several seconds
            transport=transport,
            read_error=_read_error,
        )

    async def close(self) -> None:
        await self._http.close()

    async def modified(self, resource: str, *, after: datetime, page: int) -> tuple[list[Reader], bool]:
        """Entries modified later than `after`, oldest modification first, and whether pages follow.

        The store compares whole seconds, and strictly.
        """
        answer = await self._http.request(
            "GET",
            resource,
            params={
                "orderby": "modified",
                "order": "asc",
                "modified_after": after.strftime("%Y-%m-%dT%H:%M:%S"),
                "dates_are_gmt": "true",
                "per_page": PAGE_SIZE,
                "page": page,
            },
        )
        return list(read_list(answer.json)), page < _total_pages(answer.headers)

    async def order(self, order_id: str) -> Reader | None:
        answer = await self._http.request("GET", f"orders/{numeric(order_id)}", accept=(_NOT_FOUND,))
        return None if answer.status == _NOT_FOUND else Reader(answer.json)

    async def update_order(self, order_id: str, changes: Mapping[str, Json]) -> Reader:
        """Set fields to values: repeating it changes nothing further."""
        answer = await self._http.request("PUT", f"orders/{numeric(order_id)}", json=dict(changes), idempotent=True)
        return Reader(answer.json)

    async def variations(self, product_id: str) -> list[Reader]:
        found: list[Reader] = []
        for page in range(1, MAX_VARIATION_PAGES + 1):
            answer = await self._http.request(
                "GET",
                f"products/{numeric(product_id)}/variations",
                params={"per_page": PAGE_SIZE, "page": page, "orderby": "id", "order": "asc"},
            )
            found += read_list(answer.json)
            if page >= _total_pages(answer.headers):
                return found
        raise ContractBroken(f"product {product_id} has more than {len(found)} variations", path="$")

    async def update_batch(self, collection: str, rows: Sequence[Mapping[str, Json]]) -> list[Reader]:
        """One answer row per row sent, in order; a row's own refusal is its `error` field, inside a 200."""
        answer = await self._http.request(
            "POST", f"{collection}/batch", json={"update": [dict(row) for row in rows]}, idempotent=True
        )
        answered = list(Reader(answer.json).required_list("update"))
        if len(answered) != len(rows):
            raise ContractBroken(f"{len(rows)} rows were sent, {len(answered)} answered", path="$.update")
        return answered

    async def stock_of(self, collection: str, ids: Sequence[str]) -> list[Reader]:
        answer = await self._http.request(
            "GET",
            collection,
            params={
                "include": ",".join(numeric(one) for one in ids),
                "per_page": PAGE_SIZE,
                "_fields": "id,manage_stock,stock_quantity",
            },
            accept=(_NOT_FOUND,),
        )
        return [] if answer.status == _NOT_FOUND else list(read_list(answer.json))

    async def currency(self) -> str:
        answer = await self._http.request("GET", "data/currencies/current")
        return Reader(answer.json).text("code")

    async def count_orders(self) -> int:
        """How many orders the keys can see."""
        answer = await self._http.request("GET", "orders", params={"per_page": 1})
        return _count(answer.headers, "x-wp-total")


def is_numeric(external_id: str) -> bool:
    return external_id.isascii() and external_id.isdigit()


def numeric(external_id: str) -> str:
    """The id, which is going into a path. Raises Rejected when it is not one of this system's."""
    if not is_numeric(external_id):
        raise Rejected(f"{external_id[:40]!r} is not a WooCommerce id", field="id")
    return external_id


def whole_second_before(instant: datetime) -> datetime:
    """The bound that makes the store's strict comparison include `instant`."""
    return instant.astimezone(UTC).replace(microsecond=0) - timedelta(seconds=1)


def chunks(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _credentials(settings: WooCommerceSettings) -> httpx.Auth:
    key, secret = settings.consumer_key.get_secret_value(), settings.consumer_secret.get_secret_value()
    if settings.base_url.startswith("https:"):
        return httpx.BasicAuth(key, secret)
    return OneLeggedOAuth(key, secret)


def _total_pages(headers: httpx.Headers) -> int:
    return _count(headers, "x-wp-totalpages")


def _count(headers: httpx.Headers, name: str) -> int:
    text = headers.get(name, "")
    if not (text.isascii() and text.isdigit()):
        raise ContractBroken(f"the answer has no {name} header; a proxy may remove it", path="$")
    return int(text)


def _read_error(status: int, body: Json) -> AdapterError | None:
    """WordPress answers {"code", "message", "data": {"status", "params"}}."""
    if not isinstance(body, dict) or not isinstance(body.get("code"), str):
        return None
    reason = f"{body['code']}: {body.get('message', '')}"[:300]
    if status in _AUTH_STATUSES:
        return AuthFailed(reason)
    data = body.get("data")
    parameters = data.get("params") if isinstance(data, dict) else None
    return Rejected(reason, field=next(iter(parameters), None) if isinstance(parameters, dict) else None)
