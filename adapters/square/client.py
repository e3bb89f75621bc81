"""HTTP to one seller's Square account; no knowledge of what the answers mean to the hub."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote

import httpx

from adapters.sdk.errors import AdapterError, AuthFailed, ContractBroken, Rejected, Retryable
from adapters.sdk.reading import Reader
from adapters.sdk.transport import ChannelTransport, Json, RateLimit
from adapters.square.settings import SquareSettings

T = TypeVar("T")

PAGE_SIZE: Final = 100
CHANGES_PER_CALL: Final = 100
COUNTED_PER_CALL: Final = 100
LOCATIONS_PER_SEARCH: Final = 10
"""Square refuses an order search over more locations than this."""
MAX_COUNT_PAGES: Final = 200
_MAX_REASON_LENGTH: Final = 300


class VersionMismatch(Rejected):
    """The order changed since it was read: read it again."""


class KeyReused(Rejected):
    """This idempotency key came before with another body: that earlier request is the one that counts."""


class SquareClient:
    def __init__(self, settings: SquareSettings, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = ChannelTransport(
            settings.address,
            headers={
                "accept": "application/json",
                "authorization": f"Bearer {settings.access_token.get_secret_value()}",
                "square-version": settings.api_version,
                "user-agent": "unified-commerce-hub",
            },
            rate_limit=RateLimit(settings.requests_per_second, burst=10),
            transport=transport,
            read_error=read_error,
        )

    async def close(self) -> None:
        await self._http.close()

    async def locations(self) -> list[Reader]:
        answer = await self._http.request("GET", "/v2/locations")
        return list(_envelope(answer.json, "locations").list("locations"))

    async def search_catalog(self, *, modified_after: datetime | None, cursor: str | None) -> Reader:
        """One page of items with what they refer to; deleted ones only when asking for changes."""
        query: dict[str, Json] = {
            "object_types": ["ITEM"],
            "include_related_objects": True,
            "limit": PAGE_SIZE,
        }
        if modified_after is not None:
            query |= {"begin_time": instant_text(modified_after), "include_deleted_objects": True}
        return await self._ask("/v2/catalog/search", query, cursor, answers=("objects", "latest_time"))

    async def catalog_objects(self, ids: Sequence[str]) -> list[Reader]:
        answer = await self._ask("/v2/catalog/batch-retrieve", {"object_ids": list(ids)}, answers=("objects",))
        return list(answer.list("objects"))

    async def search_orders(
        self, location_ids: Sequence[str], *, modified_after: datetime, cursor: str | None
    ) -> Reader:
        """One page of orders modified at or after the instant, oldest modification first."""
        query = {
            "location_ids": list(location_ids),
            "query": {
                "filter": {"date_time_filter": {"updated_at": {"start_at": instant_text(modified_after)}}},
                "sort": {"sort_field": "UPDATED_AT", "sort_order": "ASC"},
            },
            "limit": PAGE_SIZE,
            "return_entries": False,
        }
        return await self._ask("/v2/orders/search", query, cursor, answers=("orders",))

    async def order(self, order_id: str) -> Reader | None:
        path = f"/v2/orders/{_segment(order_id)}"
        answer = await self._http.request("GET", path, accept=(HTTPStatus.NOT_FOUND,))
        return None if answer.status == HTTPStatus.NOT_FOUND else Reader(answer.json).object("order")

    async def update_order(self, order_id: str, changes: Mapping[str, Json], *, idempotency_key: str) -> Reader:
        """Apply a sparse order that names the version it was made from. Raises VersionMismatch, KeyReused."""
        body = {"order": dict(changes), "idempotency_key": idempotency_key}
        answer = await self._http.request("PUT", f"/v2/orders/{_segment(order_id)}", json=body)
        return Reader(answer.json).object("order")

    async def change_inventory(self, changes: Sequence[Mapping[str, Json]], *, idempotency_key: str) -> list[Reader]:
        """All changes or none; the counts as they are afterwards. Raises KeyReused."""
        body = {
            "idempotency_key": idempotency_key,
            "changes": [dict(change) for change in changes],
            "ignore_unchanged_counts": True,
        }
        answer = await self._ask("/v2/inventory/changes/batch-create", body, answers=("counts", "changes"))
        return list(answer.list("counts"))

    async def counts(self, variation_ids: Sequence[str], location_ids: Sequence[str]) -> list[Reader]:
        """Every IN_STOCK count of these variations at these locations."""
        query: dict[str, Json] = {
            "catalog_object_ids": list(variation_ids),
            "location_ids": list(location_ids),
            "states": ["IN_STOCK"],
        }
        found: list[Reader] = []
        cursor: str | None = None
        for _ in range(MAX_COUNT_PAGES):
            answer = await self._ask("/v2/inventory/counts/batch-retrieve", query, cursor, answers=("counts",))
            found += answer.list("counts")
            cursor = next_cursor(answer)
            if cursor is None:
                return found
        raise ContractBroken(f"the counts have more than {MAX_COUNT_PAGES} pages", path="$.cursor")

    async def _ask(
        self, path: str, body: dict[str, Json], cursor: str | None = None, *, answers: Sequence[str]
    ) -> Reader:
        """Post what may be posted again: a question, or a write with its idempotency key."""
        content = body if cursor is None else body | {"cursor": cursor}
        answer = await self._http.request("POST", path, json=content, idempotent=True)
        if isinstance(answer.json, dict) and answer.json.get("errors"):
            raise read_error(answer.status, answer.json) or Rejected("Square answered with errors")
        return _envelope(answer.json, *answers)


def _envelope(body: Json, *fields: str) -> Reader:
    """An answer of Square: it leaves empty lists out, but whatever it says names one of these."""
    answer = Reader(body)
    if body and not any(answer.has(field) for field in (*fields, "cursor")):
        raise ContractBroken(f"the answer has none of {', '.join(fields)}", path="$")
    return answer


def next_cursor(answer: Reader) -> str | None:
    """Where the next page begins: Square leaves the cursor out, or empty, on the last."""
    return answer.text_or_empty("cursor") or None


def instant_text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def chunks(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def read_error(status: int, body: Json) -> AdapterError | None:
    """Square answers {"errors": [{"category", "code", "detail", "field"}]}; the first one is told."""
    errors = body.get("errors") if isinstance(body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return None
    category, code, field = first.get("category"), str(first.get("code", "")), first.get("field")
    reason = f"{code}: {first.get('detail') or ''}"[:_MAX_REASON_LENGTH]
    if category == "AUTHENTICATION_ERROR" or status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return AuthFailed(reason)
    if category in {"RATE_LIMIT_ERROR", "API_ERROR"}:
        return Retryable(reason)
    refusal = _REFUSALS.get(code, VersionMismatch if status == HTTPStatus.CONFLICT else Rejected)
    return refusal(reason, field=field if isinstance(field, str) else None)


_REFUSALS: Final[Mapping[str, type[Rejected]]] = {
    "VERSION_MISMATCH": VersionMismatch,
    "CONFLICT": VersionMismatch,
    "IDEMPOTENCY_KEY_REUSED": KeyReused,
}


def _segment(order_id: str) -> str:
    """An id as one segment of a path. Raises Rejected for what would be none or more."""
    if order_id in {"", ".", ".."}:
        raise Rejected(f"{order_id!r} is not a Square id", field="id")
    return quote(order_id, safe="")
