"""Logging in and out over HTTP. Needs the dependency `access_edge`: see `provide_access_edge`."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from litestar import Controller, Request, Response, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec

from hub.access import (
    CredentialMissingError,
    IssuedSession,
    LoginRefusedError,
    UnauthenticatedError,
    log_in,
    log_out,
    rotate_session,
)
from hub.access import require_origin as require_listed_origin
from hub.entrypoints.web.authentication import (
    AccessEdge,
    RequestKind,
    cookies_for,
    cookies_of,
    expired_cookies,
    session_from_headers,
)
from hub.entrypoints.web.contract import FORM_MEDIA_TYPE as FORM
from hub.entrypoints.web.contract import LoginOperation, SessionOpened, problems
from hub.entrypoints.web.errors import request_id_of
from hub.kernel.errors import InvalidInputError

MAX_LOGIN_BODY: Final = 4_096

AnyRequest = Request[Any, Any, Any]

_COOKIE_REFUSALS: Final = problems(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
_LOGIN_RESPONSES: Final = {
    int(HTTPStatus.SEE_OTHER): ResponseSpec(None, description="A form was sent: where the browser goes next"),
    **problems(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
}


class LoginFormError(InvalidInputError):
    code = "LOGIN_FORM_INVALID"


class LoginMediaTypeError(InvalidInputError):
    code = "UNSUPPORTED_MEDIA_TYPE"


class LoginForm(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a person types. A form goes to `next` when signed in, to `back` when refused: paths here."""

    username: str
    password: str
    next: str = "/"
    back: str = ""

    def __repr__(self) -> str:
        return "LoginForm(…)"


def provide_access_edge(edge: AccessEdge) -> dict[str, Provide]:
    """For `Litestar(dependencies=…)`."""
    return {"access_edge": Provide(lambda: edge, sync_to_thread=False)}


class AuthController(Controller):
    """Sessions for browsers; machines send their key with each request instead."""

    path = "/auth"
    tags = ("Access",)

    @post(
        "/login",
        request_max_body_size=MAX_LOGIN_BODY,
        status_code=HTTPStatus.OK,
        operation_class=LoginOperation,
        responses=_LOGIN_RESPONSES,
    )
    async def login(
        self, request: AnyRequest, access_edge: NamedDependency[AccessEdge]
    ) -> Response[SessionOpened | None]:
        """Open a session: JSON or form with `username` and `password`. Sets both cookies.

        JSON is answered with the CSRF token, a form with a redirect. 401 whatever is wrong with the credentials; a form
        that says where it stands (`back`) is sent there instead.
        """
        _require_own_page(request, access_edge)
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        form = await _login_form(request, content_type)
        is_form = content_type == FORM
        try:
            issued = await log_in(
                access_edge.database,
                form.username,
                form.password,
                vault=access_edge.vault,
                request_id=request_id_of(request),
            )
        except LoginRefusedError:
            if is_form and form.back:
                return _redirect(form.back)
            raise
        return _redirect(form.next, cookies_for(access_edge, issued)) if is_form else _session(access_edge, issued)

    @post("/logout", status_code=HTTPStatus.NO_CONTENT, responses=_COOKIE_REFUSALS)
    async def logout(self, request: AnyRequest, access_edge: NamedDependency[AccessEdge]) -> Response[None]:
        """End the session and drop its cookies. A session that has ended already is answered the same."""
        headers, cookies = dict(request.headers), cookies_of(request.headers)
        try:
            active = await session_from_headers(headers, cookies, edge=access_edge, kind=RequestKind.WRITE)
        except CredentialMissingError:
            raise
        except UnauthenticatedError:
            return Response(None, status_code=HTTPStatus.NO_CONTENT, cookies=expired_cookies(access_edge))
        async with access_edge.database.write() as session:
            await log_out(session, active)
        access_edge.authenticator.forget(cookies[access_edge.session_cookie])
        return Response(None, status_code=HTTPStatus.NO_CONTENT, cookies=expired_cookies(access_edge))

    @post("/rotate", status_code=HTTPStatus.OK, responses=_COOKIE_REFUSALS)
    async def rotate(self, request: AnyRequest, access_edge: NamedDependency[AccessEdge]) -> Response[SessionOpened]:
        """Swap both tokens for new ones; the session's end stays where it is."""
        headers, cookies = dict(request.headers), cookies_of(request.headers)
        active = await session_from_headers(headers, cookies, edge=access_edge, kind=RequestKind.WRITE)
        async with access_edge.database.write() as session:
            issued = await rotate_session(session, active.id)
        access_edge.authenticator.forget(cookies[access_edge.session_cookie])
        return _session(access_edge, issued)


def _require_own_page(request: AnyRequest, edge: AccessEdge) -> None:
    """A browser always names the origin of a POST; a foreign page must not log a person in as somebody else."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site")
    if origin is not None or site not in {None, "same-origin"}:
        require_listed_origin(origin, edge.origins)


async def _login_form(request: AnyRequest, content_type: str) -> LoginForm:
    if content_type not in {"application/json", FORM}:
        raise LoginMediaTypeError(f"send application/json or {FORM}")
    body = await request.body()
    try:
        if content_type == FORM:
            return msgspec.convert(_fields(body), LoginForm)
        return msgspec.json.decode(body, type=LoginForm)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise LoginFormError("send 'username' and 'password' as text, and nothing else") from None


def _fields(body: bytes) -> dict[str, str]:
    """The form's fields. Raises ValueError for invalid UTF-8, too many fields, or one that is sent twice."""
    pairs = parse_qsl(
        body.decode(), keep_blank_values=True, errors="strict", max_num_fields=len(LoginForm.__struct_fields__)
    )
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field was sent twice")
    return fields


def _session(edge: AccessEdge, issued: IssuedSession) -> Response[Any]:
    return Response(
        SessionOpened(str(issued.user_id), issued.csrf_token, issued.expires_in_seconds),
        status_code=HTTPStatus.OK,
        cookies=cookies_for(edge, issued),
        headers={"Cache-Control": "no-store"},
    )


def _redirect(target: str, cookies: Sequence[Cookie] = ()) -> Response[Any]:
    return Response(
        None,
        status_code=HTTPStatus.SEE_OTHER,
        cookies=cookies,
        headers={"Location": target if _is_own_path(target) else "/", "Cache-Control": "no-store"},
    )


def _is_own_path(target: str) -> bool:
    """A path of this site and nothing that a browser could read as another: no `//host`, backslash or control."""
    return (
        target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isascii()
        and target.isprintable()
    )  # fmt: skip
