"""Access over HTTP: cookies, CSRF, Origin, bearer tokens, and how refusals are told."""

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx
import pytest
import structlog
from argon2 import PasswordHasher, Type
from litestar import Litestar, Request, get, post
from litestar.di import NamedDependency

from hub.access import (
    Authenticator,
    CreateKey,
    CreateUser,
    PasswordVault,
    Role,
    RoleGrant,
    create_key,
    create_user,
    revoke_key,
)
from hub.entrypoints.web.auth_routes import AuthController, provide_access_edge
from hub.entrypoints.web.authentication import (
    AccessEdge,
    RequestKind,
    cookies_of,
    make_access_edge,
    principal_from_headers,
)
from hub.entrypoints.web.errors import EXCEPTION_HANDLERS, status_of
from hub.infra.database import Database
from hub.kernel.errors import ConflictError, DeniedError, HubError, InvalidInputError, NotFoundError, UnavailableError
from hub.kernel.principal import SYSTEM, Scope

ORIGIN = "https://hub.example"
PASSWORD = "correct horse battery"
AnyRequest = Request[Any, Any, Any]


async def _who(request: AnyRequest, access_edge: AccessEdge, kind: RequestKind) -> dict[str, str]:
    headers = dict(request.headers)
    principal = await principal_from_headers(headers, cookies_of(headers), edge=access_edge, kind=kind)
    return {"name": principal.name, "kind": principal.kind.value}


@get("/who")
async def who(request: AnyRequest, access_edge: NamedDependency[AccessEdge]) -> dict[str, str]:
    return await _who(request, access_edge, RequestKind.READ)


@post("/change", status_code=200)
async def change(request: AnyRequest, access_edge: NamedDependency[AccessEdge]) -> dict[str, str]:
    return await _who(request, access_edge, RequestKind.WRITE)


@get("/socket")
async def socket(request: AnyRequest, access_edge: NamedDependency[AccessEdge]) -> dict[str, str]:
    return await _who(request, access_edge, RequestKind.SOCKET)


@get("/broken/{what:str}")
async def broken(request: AnyRequest) -> None:
    raise {
        "conflict": ConflictError("taken", path=("input", "sku")),
        "busy": UnavailableError("later", retry_after_seconds=2.4),
        "fault": RuntimeError("the password of the database is hunter2"),
    }[request.path_params["what"]]


@dataclass
class Site:
    client: httpx.AsyncClient
    edge: AccessEdge
    key: str

    async def log_in(self) -> dict[str, Any]:
        answer = await self.client.post(
            "/auth/login", json={"username": "ada", "password": PASSWORD}, headers={"Origin": ORIGIN}
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def safe(self, **changes: str) -> dict[str, str]:
        token = self.client.cookies.get("__Host-hub_csrf") or ""
        return {"Origin": ORIGIN, "X-CSRF-Token": token, **changes}


@pytest.fixture
async def site(database: Database) -> AsyncIterator[Site]:
    vault = PasswordVault(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, type=Type.ID))
    made = make_access_edge(database, Authenticator(database), public_url=f"{ORIGIN}/")
    edge = AccessEdge(database, made.authenticator, made.origins, made.secure, vault)
    async with database.write() as session:
        user = CreateUser("ada", PASSWORD, (RoleGrant(Role.ADMIN),))
        await create_user(session, user, principal=SYSTEM, vault=vault)
        key = await create_key(session, CreateKey("shop", frozenset({Scope.CATALOG_READ})), principal=SYSTEM)
    app = Litestar(
        [AuthController, who, change, socket, broken],
        dependencies=provide_access_edge(edge),
        exception_handlers=EXCEPTION_HANDLERS,
        debug=False,
        logging_config=None,
        openapi_config=None,
    )
    transport = httpx.ASGITransport(cast("Any", app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield Site(client, edge, key.token)


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert set(answer.json()) == {"code", "message", "path", "requestId"}
    assert answer.headers["x-request-id"] == answer.json()["requestId"]
    assert ("www-authenticate" in answer.headers) is (status == 401)


class TestBearer:
    async def test_a_key_is_enough_for_everything(self, site: Site) -> None:
        headers = {"Authorization": f"Bearer {site.key}", "Origin": "https://elsewhere.example"}
        for answer in (
            await site.client.get("/who", headers=headers),
            await site.client.post("/change", headers=headers),
        ):
            assert answer.json() == {"name": "shop", "kind": "MACHINE"}

    async def test_without_a_credential_the_answer_is_no(self, site: Site) -> None:
        refused(await site.client.get("/who"), 401, "CREDENTIAL_MISSING")

    @pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", f"Basic {b64encode(b'ada:x').decode()}"])
    async def test_another_scheme_is_no_credential(self, site: Site, value: str) -> None:
        refused(await site.client.get("/who", headers={"Authorization": value}), 401, "CREDENTIAL_MISSING")

    async def test_a_wrong_or_revoked_key_is_told_apart_by_its_holder_only(
        self, site: Site, database: Database
    ) -> None:
        wrong = site.key[:-1] + ("A" if site.key[-1] != "A" else "B")
        refused(await site.client.get("/who", headers={"Authorization": f"Bearer {wrong}"}), 401, "CREDENTIAL_UNKNOWN")
        async with database.write() as session:
            other = await create_key(session, CreateKey("x", frozenset({Scope.CATALOG_READ})), principal=SYSTEM)
            await revoke_key(session, other.id, principal=SYSTEM)
        answer = await site.client.get("/who", headers={"Authorization": f"Bearer {other.token}"})
        refused(answer, 401, "CREDENTIAL_REVOKED")
        assert other.token not in answer.text

    async def test_a_bad_bearer_is_not_saved_by_a_good_cookie(self, site: Site) -> None:
        await site.log_in()
        answer = await site.client.post("/change", headers=site.safe(Authorization="Bearer nonsense"))
        refused(answer, 401, "CREDENTIAL_UNKNOWN")

    async def test_a_token_may_come_by_another_way(self, site: Site) -> None:
        principal = await principal_from_headers({}, {}, edge=site.edge, bearer=site.key, request_id="r-1")
        assert principal.name == "shop"
        assert principal.request_id == "r-1"


class TestCookies:
    async def test_logging_in_sets_a_cookie_that_scripts_cannot_read(self, site: Site) -> None:
        answer = await site.client.post(
            "/auth/login", json={"username": "ada", "password": PASSWORD}, headers={"Origin": ORIGIN}
        )
        session, csrf = answer.headers.get_list("set-cookie")
        for attribute in ("__Host-hub_session=", "Path=/", "HttpOnly", "SameSite=lax", "Secure", "Max-Age="):
            assert attribute in session
        assert "Domain" not in session
        assert "HttpOnly" not in csrf
        assert "Secure" in csrf
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["csrfToken"] == site.client.cookies["__Host-hub_csrf"]
        assert (await site.client.get("/who")).json() == {"name": "ada", "kind": "STAFF"}

    async def test_over_plain_http_the_cookie_is_an_ordinary_one(self, database: Database) -> None:
        edge = make_access_edge(database, Authenticator(database), public_url="http://127.0.0.1:8000")
        assert (edge.session_cookie, edge.csrf_cookie) == ("hub_session", "hub_csrf")
        assert edge.origins == {"http://127.0.0.1:8000"}

    async def test_a_form_is_answered_with_a_redirect_inside_the_site(self, site: Site) -> None:
        for target, expected in (
            ("/console", "/console"),
            ("https://evil.example", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\tx", "/"),
        ):
            form = {"username": "ada", "password": PASSWORD, "next": target}
            answer = await site.client.post("/auth/login", data=form, headers={"Origin": ORIGIN})
            assert (answer.status_code, answer.headers["location"]) == (303, expected)

    async def test_a_refused_form_goes_back_inside_the_site_or_gets_the_plain_refusal(self, site: Site) -> None:
        for back, status, expected in (
            ("/console/login?problem=refused", 303, "/console/login?problem=refused"),
            ("https://evil.example", 303, "/"),
            ("", 401, None),
        ):
            form = {"username": "ada", "password": "wrong", "back": back}
            answer = await site.client.post("/auth/login", data=form, headers={"Origin": ORIGIN})
            assert (answer.status_code, answer.headers.get("location")) == (status, expected)

    async def test_changing_something_needs_our_origin_and_the_csrf_token(self, site: Site) -> None:
        await site.log_in()
        assert (await site.client.post("/change", headers=site.safe())).status_code == 200
        attacks: list[tuple[Mapping[str, str], str]] = [
            ({}, "ORIGIN_NOT_ALLOWED"),
            ({"X-CSRF-Token": site.safe()["X-CSRF-Token"]}, "ORIGIN_NOT_ALLOWED"),
            (site.safe(Origin="https://evil.example"), "ORIGIN_NOT_ALLOWED"),
            (site.safe(Origin="null"), "ORIGIN_NOT_ALLOWED"),
            (site.safe(Origin="https://hub.example.evil.example"), "ORIGIN_NOT_ALLOWED"),
            ({"Origin": ORIGIN}, "CSRF_TOKEN_INVALID"),
            (site.safe(**{"X-CSRF-Token": "guess"}), "CSRF_TOKEN_INVALID"),
        ]
        for headers, code in attacks:
            refused(await site.client.post("/change", headers=dict(headers)), 403, code)

    async def test_a_planted_csrf_cookie_does_not_help(self, site: Site) -> None:
        await site.log_in()
        session = site.client.cookies["__Host-hub_session"]
        cookie = f"__Host-hub_session={session}; __Host-hub_csrf=planted"
        site.client.cookies.clear()
        headers = {"Cookie": cookie, "Origin": ORIGIN, "X-CSRF-Token": "planted"}
        refused(await site.client.post("/change", headers=headers), 403, "CSRF_TOKEN_INVALID")
        twice = {"Cookie": f"{cookie}; __Host-hub_session=other", "Origin": ORIGIN}
        refused(await site.client.get("/who", headers=twice), 401, "CREDENTIAL_MISSING")

    async def test_a_socket_needs_our_origin(self, site: Site) -> None:
        await site.log_in()
        assert (await site.client.get("/socket", headers={"Origin": ORIGIN})).status_code == 200
        refused(await site.client.get("/socket"), 403, "ORIGIN_NOT_ALLOWED")
        refused(await site.client.get("/socket", headers={"Origin": "https://evil.example"}), 403, "ORIGIN_NOT_ALLOWED")

    async def test_logging_out_ends_the_session_and_its_cookies(self, site: Site) -> None:
        await site.log_in()
        token = site.client.cookies["__Host-hub_session"]
        refused(await site.client.post("/auth/logout", headers={"Origin": ORIGIN}), 403, "CSRF_TOKEN_INVALID")
        assert (await site.client.get("/who")).status_code == 200
        headers = site.safe()
        assert (await site.client.post("/auth/logout", headers=headers)).status_code == 204
        assert "__Host-hub_session" not in site.client.cookies
        kept = {"Cookie": f"__Host-hub_session={token}"}
        refused(await site.client.get("/who", headers=kept), 401, "CREDENTIAL_REVOKED")
        assert (await site.client.post("/auth/logout", headers={**headers, **kept})).status_code == 204
        refused(await site.client.post("/auth/logout", headers=headers), 401, "CREDENTIAL_MISSING")

    async def test_rotating_gives_the_browser_new_tokens(self, site: Site) -> None:
        before = await site.log_in()
        answer = await site.client.post("/auth/rotate", headers=site.safe())
        assert answer.status_code == 200
        assert answer.json()["csrfToken"] != before["csrfToken"]
        assert (await site.client.post("/change", headers=site.safe())).status_code == 200


class TestLoginForm:
    async def test_a_foreign_page_cannot_log_somebody_in(self, site: Site) -> None:
        form = {"username": "ada", "password": PASSWORD}
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            refused(await site.client.post("/auth/login", data=form, headers=headers), 403, "ORIGIN_NOT_ALLOWED")
        assert "__Host-hub_session" not in site.client.cookies

    async def test_a_wrong_password_is_401_and_says_no_more(self, site: Site) -> None:
        with structlog.testing.capture_logs() as logs:
            answer = await site.client.post("/auth/login", json={"username": "ada", "password": "not-the-one-at-all"})
        refused(answer, 401, "LOGIN_REFUSED")
        assert "not-the-one-at-all" not in answer.text + repr(logs)
        assert "set-cookie" not in answer.headers

    async def test_bad_input_is_a_clear_error(self, site: Site) -> None:
        kinds = {"json": "application/json", "form": "application/x-www-form-urlencoded", "text": "text/plain"}
        cases: list[tuple[str, bytes, int, str]] = [
            ("json", b"", 400, "LOGIN_FORM_INVALID"),
            ("json", b"{", 400, "LOGIN_FORM_INVALID"),
            ("json", b"[" * 4_000, 400, "LOGIN_FORM_INVALID"),
            ("json", b'{"username": "\xff", "password": "x"}', 400, "LOGIN_FORM_INVALID"),
            ("json", b'{"username": 1, "password": "x"}', 400, "LOGIN_FORM_INVALID"),
            ("json", b'{"username": "a", "password": "x", "admin": true}', 400, "LOGIN_FORM_INVALID"),
            ("form", b"username=ada", 400, "LOGIN_FORM_INVALID"),
            ("form", b"username=ada&username=eve&password=x", 400, "LOGIN_FORM_INVALID"),
            ("text", b"{}", 415, "UNSUPPORTED_MEDIA_TYPE"),
            ("json", b" " * 5_000, 413, "BODY_TOO_LARGE"),
        ]
        for kind, body, status, code in cases:
            answer = await site.client.post("/auth/login", content=body, headers={"Content-Type": kinds[kind]})
            refused(answer, status, code)


class TestProblems:
    async def test_a_refusal_names_code_path_and_request(self, site: Site) -> None:
        answer = await site.client.get("/broken/conflict", headers={"X-Request-Id": "till-7-000123"})
        refused(answer, 409, "CONFLICT")
        assert answer.json() == {
            "code": "CONFLICT", "message": "taken", "path": ["input", "sku"], "requestId": "till-7-000123",
        }  # fmt: skip

    async def test_a_malformed_request_id_is_replaced(self, site: Site) -> None:
        answer = await site.client.get("/broken/conflict", headers={"X-Request-Id": "<script>"})
        assert "<script>" not in answer.text

    async def test_a_busy_hub_says_when_to_come_back(self, site: Site) -> None:
        answer = await site.client.get("/broken/busy")
        refused(answer, 503, "UNAVAILABLE")
        assert answer.headers["retry-after"] == "2"

    async def test_a_fault_keeps_its_details_in_the_log(self, site: Site) -> None:
        with structlog.testing.capture_logs() as logs:
            answer = await site.client.get("/broken/fault")
        refused(answer, 500, "INTERNAL")
        assert "hunter2" not in answer.text
        assert [entry["request_id"] for entry in logs] == [answer.json()["requestId"]]

    async def test_the_frameworks_errors_look_the_same(self, site: Site) -> None:
        refused(await site.client.get("/nowhere"), 404, "NOT_FOUND")
        refused(await site.client.get("/change"), 405, "METHOD_NOT_ALLOWED")

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (InvalidInputError("x"), 400),
            (NotFoundError("x"), 404),
            (ConflictError("x"), 409),
            (DeniedError("x"), 403),
            (DeniedError("x", code="CREDENTIAL_EXPIRED"), 401),
            (UnavailableError("x"), 503),
        ],
    )
    def test_each_kind_has_its_status(self, error: HubError, status: int) -> None:
        assert status_of(error) == status
