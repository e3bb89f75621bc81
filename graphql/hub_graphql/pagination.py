"""Relay connections over keyset cursors.

A cursor holds the sort key of the row it stands on, and is bound to the query it came from: its name, filter
and order. It is opaque but no secret, and what it holds is checked before it reaches SQL.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast, get_args
from uuid import UUID

import strawberry

from hub.kernel.errors import InvalidInputError
from hub_graphql.limits import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE

T = TypeVar("T")
Row = TypeVar("Row")
CursorValue = str | int | UUID | datetime
Position = TypeVar("Position", bound=tuple[CursorValue, ...])

_MAX_LENGTH = 2_000
_MAX_INTEGER = 2**63
_SCOPE_LENGTH = 12


class CursorError(InvalidInputError):
    code = "INVALID_CURSOR"


class PageError(InvalidInputError):
    pass


def cursor_scope(query: str, **arguments: Any) -> str:
    """What a cursor of `query` with these filter and sort arguments is bound to; paging arguments stay out."""
    written = json.dumps([query, arguments], sort_keys=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()[:_SCOPE_LENGTH]


def encode_cursor(scope: str, values: Sequence[CursorValue]) -> str:
    raw = json.dumps([scope, *map(_tagged, values)], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(raw.encode()).rstrip(b"=").decode()


def decode_cursor(
    cursor: str, scope: str, kinds: Sequence[type] | None = None, *, path: tuple[str, ...] = ("after",)
) -> tuple[CursorValue, ...]:
    """The values in a cursor made by `encode_cursor` with the same scope.

    With `kinds`, the values must be of these types, so that a forged cursor cannot upset a statement.
    Raises CursorError.
    """
    if len(cursor) > _MAX_LENGTH:
        raise CursorError(f"a cursor has at most {_MAX_LENGTH} characters", path=path)
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found, *tagged = json.loads(raw)
        values = tuple(_untagged(item) for item in tagged)
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error):
        raise CursorError("this is not a cursor of the hub; pass cursors as you received them", path=path) from None
    if found != scope:
        raise CursorError("this cursor belongs to another query, filter or order; start again without it", path=path)
    if kinds is not None and not _fits(values, kinds):
        raise CursorError("this cursor does not fit the query; start again without it", path=path)
    return values


def _tagged(value: CursorValue) -> list[str | int]:
    if isinstance(value, UUID):
        return ["u", value.hex]
    if isinstance(value, datetime):
        return ["t", value.astimezone(UTC).isoformat()]
    return ["i", value] if isinstance(value, int) else ["s", value]


def _untagged(item: list[Any]) -> CursorValue:
    tag, value = item
    if tag == "i":
        if type(value) is not int or not -_MAX_INTEGER <= value < _MAX_INTEGER:
            raise ValueError(value)
        return value
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(value)
    value.encode()
    return _READERS[tag](value)


def _instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError(text)
    return value


_READERS: dict[str, Callable[[str], CursorValue]] = {"s": str, "u": UUID, "t": _instant}


def _fits(values: tuple[CursorValue, ...], kinds: Sequence[type]) -> bool:
    return len(values) == len(kinds) and all(map(isinstance, values, kinds))


@dataclass(frozen=True, slots=True)
class Page(Generic[Position]):
    """What to read: rows strictly after (or, backwards, strictly before) `position`, at most `limit` + 1.

    Backwards, the repository reads in reversed order; `connect` turns the rows round again.
    """

    scope: str
    limit: int
    position: Position | None = None
    backwards: bool = False

    @property
    def fetch(self) -> int:
        """One row more than the page, which tells whether there is another page."""
        return self.limit + 1


def page(
    scope: str,
    position: type[Position],
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> Page[Position]:
    """Read the four Relay arguments; `position` is the type of a row's sort key, such as `tuple[datetime, UUID]`.

    Raises PageError or CursorError naming the argument at fault.
    """
    backwards = last is not None or before is not None
    if backwards and (first is not None or after is not None):
        raise PageError("use first with after, or last with before, not both", path=("last",))
    name, size, cursor = ("last", last, before) if backwards else ("first", first, after)
    limit = checked_size(DEFAULT_PAGE_SIZE if size is None else size, name=name)
    if cursor is None:
        return Page(scope, limit, None, backwards)
    values = decode_cursor(cursor, scope, get_args(position), path=("before",) if backwards else ("after",))
    return Page(scope, limit, cast("Position", values), backwards)


def checked_size(size: int, *, name: str = "first", most: int = MAX_PAGE_SIZE) -> int:
    """How many items to give. Raises PageError naming the argument when it is not 1 to `most`."""
    if not 1 <= size <= most:
        raise PageError(f"{name} must be between 1 and {most}", path=(name,))
    return size


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more follows this page.")
    has_previous_page: bool = strawberry.field(description="Whether something stands before this page.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first item; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last item; null on an empty page.")


@strawberry.type(description="An item of a list with its cursor.")
class Edge(Generic[T]):
    node: T = strawberry.field(description="The item.")
    cursor: str = strawberry.field(description="Opaque; pass it as `after` or `before` of the same query.")


@strawberry.type(description="One page of a list: at most 100 items.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The items with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page stands in its list.")


def connect(
    rows: Sequence[Row],
    wanted: Page[Any],
    *,
    node: Callable[[Row], T],
    key: Callable[[Row], Sequence[CursorValue]],
) -> Connection[T]:
    """The page made of `rows`, of which `wanted.fetch` were asked for. `key` gives a row's sort key."""
    kept = list(rows[: wanted.limit])
    more = len(rows) > wanted.limit
    if wanted.backwards:
        kept.reverse()
    edges = [Edge(node=node(row), cursor=encode_cursor(wanted.scope, key(row))) for row in kept]
    came_from = wanted.position is not None
    return Connection(
        edges=edges,
        page_info=PageInfo(
            has_next_page=came_from if wanted.backwards else more,
            has_previous_page=more if wanted.backwards else came_from,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
    )
