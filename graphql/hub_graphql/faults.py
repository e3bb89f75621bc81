"""One way out for errors: what the caller may know is said, everything else is masked and logged."""

from collections.abc import Iterable
from typing import Any

import structlog
from graphql import GraphQLError

from hub.kernel.errors import HubError, UnavailableError
from hub_graphql import limits
from hub_graphql.documents import InvalidDocumentError
from hub_graphql.refusals import CostExceededError

log = structlog.get_logger(__name__)

MASKED = "Something went wrong on our side. Quote the request id when you report it."


def present(errors: Iterable[GraphQLError], request_id: str) -> list[dict[str, Any]]:
    """The first few errors of an execution as the response carries them; faults go to the log."""
    shown = list(errors)[: limits.MAX_ERRORS]
    return [_present_one(error, request_id) for error in shown]


def refused(error: HubError, request_id: str) -> list[dict[str, Any]]:
    """The errors of a request that was turned away before it ran."""
    if isinstance(error, InvalidDocumentError):
        return [_located(one, "GRAPHQL_VALIDATION_FAILED", request_id) for one in error.errors]
    return [{"message": _short(error.message), "extensions": extensions(error, request_id)}]


def faulted(error: BaseException, request_id: str) -> list[dict[str, Any]]:
    """The one masked error of a fault outside any resolver."""
    log.error("graphql.fault", request_id=request_id, exc_info=error)
    return [{"message": MASKED, "extensions": {"code": "INTERNAL", "requestId": request_id}}]


def extensions(error: HubError, request_id: str) -> dict[str, Any]:
    details: dict[str, Any] = {"code": error.code, "kind": error.kind.value, "requestId": request_id}
    if error.path:
        details["path"] = list(error.path)
    if isinstance(error, UnavailableError) and error.retry_after_seconds is not None:
        details["retryAfterSeconds"] = error.retry_after_seconds
    if isinstance(error, CostExceededError):
        details["cost"] = {"requested": error.requested, "limit": error.limit}
    return details


def _present_one(error: GraphQLError, request_id: str) -> dict[str, Any]:
    original = _innermost(error)
    if isinstance(original, HubError):
        return _formatted(error, original.message, extensions(original, request_id))
    if error.path is None and (original is None or isinstance(original, ValueError | TypeError)):
        # Raised before any resolver ran: a variable that does not fit its type.
        return _located(error, "BAD_USER_INPUT", request_id)
    if original is None:
        return _located(error, "BAD_REQUEST", request_id)
    log.error("graphql.fault", request_id=request_id, path=error.path, exc_info=original)
    return _formatted(error, MASKED, {"code": "INTERNAL", "requestId": request_id})


def _innermost(error: GraphQLError) -> BaseException | None:
    original: BaseException | None = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    return None if isinstance(original, GraphQLError) else original


def _located(error: GraphQLError, code: str, request_id: str) -> dict[str, Any]:
    return _formatted(error, error.message, {"code": code, "requestId": request_id})


def _formatted(error: GraphQLError, message: str, details: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"message": _short(message), "extensions": details}
    if error.locations:
        shown["locations"] = [{"line": at.line, "column": at.column} for at in error.locations[:3]]
    if error.path is not None:
        shown["path"] = error.path
    return shown


def _short(message: str) -> str:
    limit = limits.MAX_MESSAGE_LENGTH
    return message if len(message) <= limit else message[: limit - 1] + "…"
