"""The pages over HTTP. They need the dependency `access_edge`; everything they show comes by GraphQL."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Controller, MediaType, Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.response import Redirect
from litestar.static_files import create_static_files_router

from hub.access import Authenticator, UnauthenticatedError
from hub.console.documents import document_hashes
from hub.console.languages import LANGUAGES, choose_language, strings

HOME: Final = "/console"
LOGIN: Final = "/console/login"
STATIC: Final = "/console/static"
_FOLDER: Final = Path(__file__).resolve().parent

_POLICY: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
CONTENT_SECURITY_POLICY: Final = "; ".join(_POLICY)
"""Our own files and nothing else; no text ever becomes markup or code in the browser."""

PAGE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with that a browser posts the form with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language, Cookie",
}

AnyRequest = Request[Any, Any, Any]


@runtime_checkable
class SessionEdge(Protocol):
    """The part of the web edge's access that pages need: who is behind a session cookie."""

    @property
    def session_cookie(self) -> str: ...
    @property
    def authenticator(self) -> Authenticator: ...


class ConsoleController(Controller):
    """Pages for people. A page holds no data, so that it needs to know only whether somebody is signed in."""

    path = "/"
    include_in_schema = False

    @get("/")
    async def home(self) -> Redirect:
        return Redirect(HOME, status_code=302)

    @get(LOGIN, media_type=MediaType.HTML)
    async def login(self, request: AnyRequest, access_edge: NamedDependency[SessionEdge]) -> Response[Any]:
        """The form that signs a person in; who is signed in already is sent on."""
        if await _is_signed_in(request, access_edge):
            return Redirect(_localised(HOME, request), status_code=303)
        return _page("login.html", request)

    @get(HOME, media_type=MediaType.HTML)
    async def board(self, request: AnyRequest, access_edge: NamedDependency[SessionEdge]) -> Response[Any]:
        """The live board; who is not signed in is sent to the form."""
        if not await _is_signed_in(request, access_edge):
            return Redirect(_localised(LOGIN, request), status_code=303)
        return _page("board.html", request)

    @get(f"{HOME}/documents.json")
    async def documents(self) -> Response[dict[str, str]]:
        """The documents that the pages may send: name to SHA-256."""
        return Response(dict(document_hashes()), headers={"Cache-Control": "no-cache"})


def static_files() -> Router:
    """Scripts, styles and strings, under `STATIC`."""
    return create_static_files_router(
        path=STATIC, directories=[_FOLDER / "static"], name="console-static", after_request=_guard_file
    )


async def _guard_file(response: Response[Any]) -> Response[Any]:
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Asked for again each time and answered 304: a page never runs with the scripts of another release.
    response.headers["Cache-Control"] = "no-cache"
    return response


async def _is_signed_in(request: AnyRequest, edge: SessionEdge) -> bool:
    token = request.cookies.get(edge.session_cookie)
    if not token:
        return False
    try:
        await edge.authenticator.authenticate_session(token)
    except UnauthenticatedError:
        return False
    return True


def _page(template: str, request: AnyRequest) -> Response[str]:
    language = _language(request)
    table = strings(language)
    content = _templates().get_template(template).render(
        lang=language, languages=LANGUAGES, t=table.__getitem__, static=STATIC, home=HOME, login=LOGIN,
        board_url=_localised(HOME, request), path=request.url.path,
        refused=request.query_params.get("problem") == "refused",
        refused_url=_localised(LOGIN, request, problem="refused"),
    )  # fmt: skip
    return Response(
        content, media_type=MediaType.HTML, headers={**PAGE_HEADERS, "Content-Language": language}
    )  # fmt: skip


def _language(request: AnyRequest) -> str:
    return choose_language(request.query_params.get("lang"), request.headers.get("accept-language", ""))


def _localised(path: str, request: AnyRequest, **parameters: str) -> str:
    """The path with the language that was asked for in the address, so that the choice survives signing in."""
    asked = request.query_params.get("lang")
    query = urlencode({"lang": asked, **parameters} if asked in LANGUAGES else parameters)
    return f"{path}?{query}" if query else path


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
