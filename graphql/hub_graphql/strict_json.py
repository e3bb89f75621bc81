"""A request body as JSON with no second reading: what two parsers might read differently is refused."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from hub_graphql.limits import MAX_BODY_BYTES, MAX_JSON_DEPTH
from hub_graphql.refusals import BatchRefusedError, BodyTooLargeError, MalformedBodyError

_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_MEMBERS = frozenset({"query", "operationName", "variables", "extensions", "documentId"})


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """One GraphQL request as sent. `document_hash` is the SHA-256 the client names instead of a text."""

    query: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    document_hash: str | None = None


def parse_object(body: bytes, *, limit: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """The JSON object in `body`.

    Raises BodyTooLargeError above `limit` bytes, BatchRefusedError for an array, and MalformedBodyError for
    anything else that is not strict JSON: invalid UTF-8, NaN, Infinity, numbers beyond a double, a repeated
    key, NUL or a lone surrogate in a string, nesting beyond MAX_JSON_DEPTH.
    """
    if len(body) > limit:
        raise BodyTooLargeError(f"the request has more than {limit} bytes; send a smaller document")
    _refuse_deep_nesting(body)
    value = _decode(body)
    if isinstance(value, list):
        raise BatchRefusedError("batching is not supported; send one request per operation")
    if not isinstance(value, dict):
        raise MalformedBodyError("the body must be a JSON object with a member named query")
    if b"\\u" in body:
        _refuse_unstorable_text(value)
    return value


def parse_request(body: bytes) -> GraphQLRequest:
    """The GraphQL request in an HTTP body. Raises as `parse_object` does."""
    return as_request(parse_object(body))


def as_request(members: dict[str, Any]) -> GraphQLRequest:
    """The request whose JSON members are given. Raises MalformedBodyError naming the member at fault."""
    unknown = sorted(members.keys() - _MEMBERS)
    if unknown:
        raise MalformedBodyError(f"unknown member {unknown[0][:40]!r}; allowed are {', '.join(sorted(_MEMBERS))}")
    query = _optional(members, "query", str)
    operation_name = _optional(members, "operationName", str)
    variables = _optional(members, "variables", dict) or {}
    document_hash = _document_hash(members)
    if query is None and document_hash is None:
        raise MalformedBodyError("the request has no query", path=("query",))
    return GraphQLRequest(query, operation_name, variables, document_hash)


def _document_hash(members: dict[str, Any]) -> str | None:
    document_id: str | None = _optional(members, "documentId", str)
    extensions = _optional(members, "extensions", dict) or {}
    persisted = _optional(extensions, "persistedQuery", dict) or {}
    digest: str | None = _optional(persisted, "sha256Hash", str)
    if document_id is not None and digest is not None and document_id != digest:
        raise MalformedBodyError("documentId and extensions.persistedQuery.sha256Hash differ")
    return (document_id or digest or "").removeprefix("sha256:").lower() or None


def _optional(members: dict[str, Any], name: str, kind: type) -> Any:
    value = members.get(name)
    if value is not None and not isinstance(value, kind):
        wanted = "a string" if kind is str else "an object"
        raise MalformedBodyError(f"{name} must be {wanted} or null", path=(name,))
    return value


def _decode(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        raise MalformedBodyError(f"the body is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise MalformedBodyError(f"the body is not JSON: {error.msg} at character {error.pos}") from None
    except ValueError:
        raise MalformedBodyError("the body holds an integer with too many digits") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        repeated = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise MalformedBodyError(f"the key {repeated[:40]!r} occurs twice in one object")
    return members


def _refuse_constant(name: str) -> Any:
    raise MalformedBodyError(f"{name} is not JSON; use null or a finite number")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise MalformedBodyError("the body holds a number beyond the range of a double")
    return value


def _refuse_deep_nesting(body: bytes) -> None:
    """Judged before decoding, so that no recursion limit is ever reached."""
    if body.count(b"[") + body.count(b"{") <= MAX_JSON_DEPTH:
        return
    depth = 0
    for token in _BRACKETS.finditer(body):
        mark = token.group()
        if mark in {b"[", b"{"}:
            depth += 1
            if depth > MAX_JSON_DEPTH:
                raise MalformedBodyError(f"the body is nested more than {MAX_JSON_DEPTH} levels deep")
        elif mark in {b"]", b"}"}:
            depth -= 1


def _refuse_unstorable_text(value: Any) -> None:
    for text in _strings(value):
        if "\0" in text:
            raise MalformedBodyError("a string holds the character NUL, which cannot be stored")
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise MalformedBodyError("a string holds half of a surrogate pair")


def _strings(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            pending.extend(item)
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
