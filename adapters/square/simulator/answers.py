"""Square's way of answering: errors, pages, and answers remembered by idempotency key."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from litestar import Request, Response
from litestar.datastructures import State

from adapters.sdk.signatures import digest_id
from adapters.square.simulator.seller import Json, Seller

Call = Request[Any, Any, State]
Answer = Response[Any]

_DEFAULT_PAGE: Final = 100


class Refusal(Exception):  # noqa: N818 (an answer, not a fault)
    """Stops a request with one of Square's errors."""

    def __init__(
        self, status: int, code: str, detail: str, *, field: str | None = None, category: str | None = None
    ) -> None:
        super().__init__(detail)
        error = {"category": category or "INVALID_REQUEST_ERROR", "code": code, "detail": detail}
        self.status = status
        self.errors = [error if field is None else error | {"field": field}]


def refused(_request: Call, refusal: Refusal) -> Answer:
    return Response({"errors": refusal.errors}, status_code=refusal.status)


def seller_of(request: Call) -> Seller:
    seller: Seller = request.app.state.seller
    return seller


async def body_of(request: Call) -> Json:
    try:
        body = await request.json()
    except (ValueError, TypeError) as error:
        raise Refusal(400, "EXPECTED_JSON_BODY", "The request body is not JSON.") from error
    if not isinstance(body, dict):
        raise Refusal(400, "EXPECTED_OBJECT", "The request body is not an object.")
    return body


def page_of(
    seller: Seller, entries: Sequence[Any], question: Mapping[str, Any], cursor: str
) -> tuple[Sequence[Any], Json]:
    """One page of the entries, and the cursor field to answer with. A cursor only fits its own question."""
    asked = {name: value for name, value in question.items() if name != "cursor"}
    tag = digest_id(json.dumps(asked, sort_keys=True).encode())[:16]
    start = 0
    if cursor:
        given, _, offset = cursor.partition(".")
        if given != tag or not offset.isdigit():
            raise Refusal(400, "INVALID_CURSOR", "The cursor does not belong to this query.", field="cursor")
        start = int(offset)
    end = start + min(int(question.get("limit") or _DEFAULT_PAGE), seller.max_page)
    return entries[start:end], {"cursor": f"{tag}.{end}"} if end < len(entries) else {}


def once(seller: Seller, body: Mapping[str, Any], act: Callable[[], Json]) -> Json:
    """Do it the first time; answer the same again for the same key and body; refuse another body."""
    key = body.get("idempotency_key")
    if not key:
        return act()
    digest = digest_id(json.dumps(body, sort_keys=True).encode())
    known = seller.remembered.get(key)
    if known is None:
        answer = act()
        seller.remember(key, digest, answer)
        return answer
    if known[0] != digest:
        detail = "The idempotency key can only be retried with the same request data."
        raise Refusal(400, "IDEMPOTENCY_KEY_REUSED", detail, field="idempotency_key")
    return known[1]
