"""Lists as WordPress pages them: filters, order, fields, and totals in the headers; and its errors."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.datastructures import State

from adapters.woocommerce.simulator.shop import Item, Order

MAX_PER_PAGE: Final = 100

Call = Request[Any, Any, State]
Answer = Response[Any]


def page_of(request: Call, entries: Sequence[Any], shape: Callable[[Any], Mapping[str, Any]]) -> Answer:
    query = request.query_params
    page, per_page = int(query.get("page", "1")), int(query.get("per_page", "10"))
    if not 1 <= per_page <= MAX_PER_PAGE:
        return error(_per_page_problem())
    found = _sorted(_filtered(entries, query), query)
    total_pages = -(-len(found) // per_page)
    shown = [shape(entry) for entry in found[(page - 1) * per_page : page * per_page]]
    if fields := query.get("_fields"):
        shown = [{name: entry[name] for name in fields.split(",")} for entry in shown]
    headers = {"x-wp-total": str(len(found)), "x-wp-totalpages": str(total_pages)}
    if page < total_pages:
        following = urlencode({**query, "page": page + 1})
        headers["link"] = f'<{str(request.url).partition("?")[0]}?{following}>; rel="next"'
    return Response(shown, headers=headers)


def _filtered(entries: Sequence[Any], query: Mapping[str, str]) -> list[Any]:
    """`modified_after` compares whole seconds, strictly."""
    if include := query.get("include"):
        wanted = {int(one) for one in include.split(",")}
        entries = [entry for entry in entries if entry.id in wanted]
    if after := query.get("modified_after"):
        bound = datetime.fromisoformat(after).replace(tzinfo=UTC)
        entries = [entry for entry in entries if entry.modified.replace(microsecond=0) > bound]
    return list(entries)


def _sorted(entries: list[Item] | list[Order], query: Mapping[str, str]) -> list[Any]:
    keys: dict[str, Callable[[Any], Any]] = {
        "modified": lambda entry: (entry.modified.replace(microsecond=0), entry.id),
        "id": lambda entry: entry.id,
    }
    key = keys.get(query.get("orderby", ""), lambda entry: (entry.created, entry.id))
    return sorted(entries, key=key, reverse=query.get("order", "desc") == "desc")


def problem(code: str, message: str, status: int, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "data": {"status": status, **(data or {})}}


def _per_page_problem() -> dict[str, Any]:
    message = "per_page must be between 1 (inclusive) and 100 (inclusive)"
    details = {"per_page": {"code": "rest_out_of_bounds", "message": message, "data": None}}
    return problem(
        "rest_invalid_param",
        "Invalid parameter(s): per_page",
        400,
        {"params": {"per_page": message}, "details": details},
    )


def error(content: Mapping[str, Any]) -> Answer:
    return Response(dict(content), status_code=content["data"]["status"])
