"""What the OpenAPI document says beyond the handlers' signatures: every refusal, and bodies that are read raw."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from hub.entrypoints.web.errors import PROBLEM_MEDIA_TYPE
from hub.infra.health import Dependency

FORM_MEDIA_TYPE: Final = "application/x-www-form-urlencoded"


class Problem(msgspec.Struct, rename="camel", frozen=True):
    """A refusal: a stable code, a message for people, the input at fault, the id to quote to the operator."""

    code: str
    message: str
    path: list[str]
    request_id: str


class SessionOpened(msgspec.Struct, rename="camel", frozen=True):
    """Sent beside the cookies; the CSRF token goes into the X-CSRF-Token header of every change."""

    user_id: str
    csrf_token: str
    expires_in_seconds: int


class WebhookTaken(msgspec.Struct, frozen=True):
    receipt: str


class Alive(msgspec.Struct, frozen=True):
    status: str


class Readiness(msgspec.Struct, frozen=True):
    ready: bool
    dependencies: list[Dependency]


NOT_READY: Final = ResponseSpec(Readiness, description="Send no requests here now", generate_examples=False)

_MEANINGS: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "The request breaks a rule",
    HTTPStatus.UNAUTHORIZED: "The credential or signature is missing, wrong or no longer valid",
    HTTPStatus.FORBIDDEN: "The page's origin, the CSRF token or the credential does not allow this",
    HTTPStatus.NOT_FOUND: "What was named does not exist",
    HTTPStatus.CONFLICT: "The state does not allow it, or another change came first",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body's media type is not read here",
    HTTPStatus.SERVICE_UNAVAILABLE: "Try again after the seconds of Retry-After",
}


def problems(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    """For a handler's `responses`: the refusals it may answer with."""
    return {
        int(status): ResponseSpec(
            Problem, description=_MEANINGS[status], media_type=PROBLEM_MEDIA_TYPE, generate_examples=False
        )
        for status in statuses
    }


@dataclass
class LoginOperation(Operation):
    """Names the two forms of the login body, which the handler reads itself."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        form = Schema(
            type=OpenAPIType.OBJECT,
            properties={"username": text, "password": text, "next": text, "back": text},
            required=["username", "password"],
            additional_properties=False,
        )
        content = {name: OpenAPIMediaType(schema=form) for name in ("application/json", FORM_MEDIA_TYPE)}
        self.request_body = RequestBody(content=content, required=True)


@dataclass
class WebhookOperation(Operation):
    """The channel decides what a delivery looks like; it is verified over its raw bytes."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(content={"*/*": OpenAPIMediaType(schema=Schema())}, required=True)
