"""The pages over HTTP: who gets which, in which language, and what a browser is told to allow."""

import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import hub.console
from tests.console.conftest import ORIGIN, Site

CONSOLE = Path(hub.console.__file__).parent
PAGES = ("/console/login", "/console")


class _Markup(HTMLParser):
    """Collects what a strict content security policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.inline.append(tag)
        self.sources += [str(given[name]) for name in ("src", "href", "action") if given.get(name)]


async def fetched(site: Site, path: str, **headers: str) -> str:
    if path == "/console":
        await site.log_in()
    answer = await site.client.get(path, headers=headers)
    assert answer.status_code == 200
    return answer.text


class TestSigningIn:
    async def test_the_root_leads_to_the_board(self, site: Site) -> None:
        answer = await site.client.get("/")
        assert (answer.status_code, answer.headers["location"]) == (302, "/console")

    async def test_a_stranger_is_sent_to_the_form(self, site: Site) -> None:
        answer = await site.client.get("/console", params={"lang": "de"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/login?lang=de")

    async def test_a_made_up_session_is_a_stranger_s(self, site: Site) -> None:
        site.client.cookies.set("__Host-hub_session", "made up", domain="hub.example")
        answer = await site.client.get("/console")
        assert answer.headers["location"] == "/console/login"

    async def test_the_form_signs_in_and_leads_to_the_board(self, site: Site) -> None:
        page = await fetched(site, "/console/login")
        assert '<form class="card login" id="login" method="post" action="/auth/login">' in page
        assert 'name="next" value="/console"' in page
        await site.log_in()
        assert 'id="stock-body"' in await fetched(site, "/console")

    async def test_a_refused_form_is_shown_again_and_says_why(self, site: Site) -> None:
        page = await fetched(site, "/console/login?lang=de")
        back = html.unescape(re.findall(r'name="back" value="([^"]+)"', page)[0])
        form = {"username": "ada", "password": "wrong", "next": "/console", "back": back}
        answer = await site.client.post("/auth/login", data=form, headers={"Origin": ORIGIN})
        assert (answer.status_code, answer.headers["location"]) == (303, back)
        assert "set-cookie" not in answer.headers
        assert "Benutzername oder Passwort ist falsch." not in page
        assert "Benutzername oder Passwort ist falsch." in await fetched(site, back)

    async def test_who_is_signed_in_needs_no_form(self, site: Site) -> None:
        await site.log_in()
        answer = await site.client.get("/console/login")
        assert (answer.status_code, answer.headers["location"]) == (303, "/console")


class TestWhatABrowserMayDo:
    @pytest.mark.parametrize("path", PAGES)
    async def test_only_our_own_files_run(self, site: Site, path: str) -> None:
        await fetched(site, path)
        answer = await site.client.get(path) if path == "/console" else await site.client.get("/console/login")
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy.pop("default-src") == "'none'"
        assert policy.pop("frame-ancestors") == policy.pop("base-uri") == policy.pop("trusted-types") == "'none'"
        assert policy.pop("require-trusted-types-for") == "'script'"
        assert set(policy.values()) == {"'self'"}
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("path", PAGES)
    async def test_nothing_stands_inline_and_every_file_exists(self, site: Site, path: str) -> None:
        markup = _Markup()
        markup.feed(await fetched(site, path))
        assert markup.inline == []
        files = [source for source in markup.sources if source.startswith("/console/static/")]
        assert files
        for source in files:
            answer = await site.client.get(source)
            assert (answer.status_code, answer.headers["x-content-type-options"]) == (200, "nosniff")
        assert all(source.startswith(("/", "#")) for source in markup.sources)

    @pytest.mark.parametrize("script", sorted((CONSOLE / "static").glob("*.js")), ids=lambda path: path.name)
    def test_scripts_make_no_markup_or_code_out_of_text(self, script: Path) -> None:
        text = script.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text)
        assert not re.search(r"""from ["'](?!\./)""", text)

    async def test_templates_and_other_folders_are_not_served(self, site: Site) -> None:
        for path in ("/console/static/../pages.py", "/console/static/%2e%2e/pages.py", "/console/static/"):
            assert (await site.client.get(path)).status_code == 404


class TestLanguage:
    async def test_the_browser_s_language_is_spoken(self, site: Site) -> None:
        page = await fetched(site, "/console/login", **{"Accept-Language": "fr, de-AT;q=0.9, en;q=0.8"})
        assert '<html lang="de">' in page
        assert "Benutzername" in page

    async def test_the_address_outranks_the_browser(self, site: Site) -> None:
        answer = await site.client.get("/console/login?lang=en", headers={"Accept-Language": "de"})
        assert answer.headers["content-language"] == "en"
        assert 'name="next" value="/console?lang=en"' in answer.text

    async def test_an_unknown_language_is_answered_in_english(self, site: Site) -> None:
        page = await fetched(site, "/console/login?lang=%22%3E%3Cscript%3E")
        assert '<html lang="en">' in page
        assert "<script>" not in page
