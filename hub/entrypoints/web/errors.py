"""How an error is told over HTTP: one table, and a problem document (RFC 9457) that never shows a fault's details."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from hub.access import UNAUTHENTICATED_CODES
from hub.kernel.errors import ErrorKind, HubError, UnavailableError
from hub.kernel.ids import new_id

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
REQUEST_ID_HEADER: Final = "X-Request-Id"
CHALLENGE: Final = 'Bearer realm="hub"'

STATUS_BY_KIND: Final[Mapping[ErrorKind, int]] = {
    ErrorKind.INVALID: HTTPStatus.BAD_REQUEST,
    ErrorKind.MISSING: HTTPStatus.NOT_FOUND,
    ErrorKind.CONFLICT: HTTPStatus.CONFLICT,
    ErrorKind.DENIED: HTTPStatus.FORBIDDEN,
    ErrorKind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
STATUS_BY_CODE: Final[Mapping[str, int]] = {
    **dict.fromkeys(UNAUTHENTICATED_CODES, HTTPStatus.UNAUTHORIZED),
    "WEBHOOK_SIGNATURE_INVALID": HTTPStatus.UNAUTHORIZED,
    "BODY_TOO_LARGE": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "UNSUPPORTED_MEDIA_TYPE": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "METHOD_NOT_ALLOWED": HTTPStatus.METHOD_NOT_ALLOWED,
    "RATE_LIMITED": HTTPStatus.TOO_MANY_REQUESTS,
}
"""Codes that HTTP has a more precise word for than their kind."""

_CODE_BY_STATUS: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "INVALID_INPUT",
    HTTPStatus.UNAUTHORIZED: "UNAUTHENTICATED",
    HTTPStatus.FORBIDDEN: "DENIED",
    HTTPStatus.NOT_FOUND: "NOT_FOUND",
    HTTPStatus.METHOD_NOT_ALLOWED: "METHOD_NOT_ALLOWED",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "BODY_TOO_LARGE",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "UNSUPPORTED_MEDIA_TYPE",
    HTTPStatus.TOO_MANY_REQUESTS: "RATE_LIMITED",
}
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)

log = structlog.get_logger(__name__)

AnyRequest = Request[Any, Any, Any]


def status_of(error: HubError) -> int:
    return int(STATUS_BY_CODE.get(error.code, STATUS_BY_KIND[error.kind]))


def problem(error: HubError, request_id: str) -> Response[dict[str, Any]]:
    """The answer to a refusal: `{code, message, path, requestId}`, with a challenge when it is 401."""
    status = status_of(error)
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    if isinstance(error, UnavailableError) and error.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
    return _answer(status, error.code, error.message, path=error.path, request_id=request_id, headers=headers)


def request_id_of(request: AnyRequest) -> str:
    """The id that the outermost middleware gave this request, else the client's if it is well-formed, else new."""
    state: dict[str, Any] = request.scope["state"]
    if "request_id" not in state:
        offered = request.headers.get(REQUEST_ID_HEADER, "")
        state["request_id"] = offered if _REQUEST_ID.fullmatch(offered) else str(new_id())
    return str(state["request_id"])


def tell_refusal(request: AnyRequest, error: HubError) -> Response[dict[str, Any]]:
    return problem(error, request_id_of(request))


def tell_http_error(request: AnyRequest, error: HTTPException) -> Response[dict[str, Any]]:
    """The framework's own errors, in the same form; those of 500 and above without their details."""
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return tell_fault(request, error)
    code = _CODE_BY_STATUS.get(error.status_code, "INVALID_INPUT")
    message = error.detail or HTTPStatus(error.status_code).phrase
    headers = dict(error.headers or {})
    request_id = request_id_of(request)
    return _answer(error.status_code, code, message, path=_path(error), request_id=request_id, headers=headers)


def tell_fault(request: AnyRequest, error: Exception) -> Response[dict[str, Any]]:
    """Something we did not foresee: the details stay in the log, under the id that the client gets."""
    request_id = request_id_of(request)
    log.error("request.fault", request_id=request_id, exc_info=error)
    message = "the hub failed to answer; give the requestId to its operator"
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", message, request_id=request_id)


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    HubError: tell_refusal,
    HTTPException: tell_http_error,
    Exception: tell_fault,
}
"""For `Litestar(exception_handlers=…)`."""


def _path(error: HTTPException) -> tuple[str, ...]:
    if not isinstance(error, ValidationException) or not isinstance(error.extra, list):
        return ()
    return tuple(str(item["key"]) for item in error.extra[:1] if isinstance(item, dict) and "key" in item)


def _answer(
    status: int,
    code: str,
    message: str,
    *,
    request_id: str,
    path: tuple[str, ...] = (),
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response[dict[str, Any]]:
    return Response(
        {"code": code, "message": message, "path": list(path), "requestId": request_id},
        status_code=status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers={**headers, REQUEST_ID_HEADER: request_id, "Cache-Control": "no-store"},
    )
