"""Tables of strings: complete in every language, and nothing in them that no page says."""

import re
from pathlib import Path

import pytest

import hub.console
from hub.console.languages import LANGUAGES, choose_language, strings

CONSOLE = Path(hub.console.__file__).parent
CODES = ("method", "status", "points", "hold", "decision")
"""Prefixes of words for codes of the API; the page shows the code itself when there is no word."""


def used_keys() -> set[str]:
    """Every key that a template or script names, with `figure.${name}.note` and its like written out."""
    templates = "".join(path.read_text(encoding="utf-8") for path in (CONSOLE / "templates").glob("*.html"))
    scripts = "".join(path.read_text(encoding="utf-8") for path in (CONSOLE / "static").glob("*.js"))
    figures = re.findall(r'\{\{ figure\("(\w+)"\) \}\}', templates)
    keys = set(re.findall(r't\("([\w.]+)"\)', templates)) | {f"figure.{name}" for name in figures}
    keys |= set(re.findall(r'"((?:[a-z]+\.)+[\w]+)"', scripts))
    keys |= {f"connection.{state}" for state in re.findall(r'onState\("(\w+)"\)', scripts)}
    keys |= {f"figure.{name}.note" for name in ("browser", "server")}
    return keys | {f"figure.oversold.{level}" for level in ("good", "bad")}


@pytest.mark.parametrize("language", LANGUAGES)
class TestEachTable:
    def test_has_every_key_and_no_other(self, language: str) -> None:
        words = {key for key in strings("en") if key.split(".")[0] in CODES and key.split(".")[1].isupper()}
        assert set(strings(language)) == used_keys() | words

    def test_fills_the_same_places(self, language: str) -> None:
        for key, text in strings("en").items():
            assert sorted(re.findall(r"\{\w+\}", strings(language)[key])) == sorted(re.findall(r"\{\w+\}", text)), key

    def test_leaves_no_text_empty(self, language: str) -> None:
        assert all(text.strip() for text in strings(language).values())


class TestChoice:
    @pytest.mark.parametrize(
        ("asked", "accepted", "chosen"),
        [
            (None, "", "en"),
            (None, "de-CH", "de"),
            (None, "DE;q=0.4, en;q=0.5", "en"),
            (None, "de;q=0, en;q=0.1", "en"),
            (None, "fr, *;q=0.1", "en"),
            (None, "de;q=nan, en;q=x", "en"),
            (None, ";;;,=,q=1" * 1000, "en"),
            ("de", "en", "de"),
            ("xx", "de", "de"),
        ],
    )
    def test_takes_the_address_then_the_best_of_the_header(self, asked: str | None, accepted: str, chosen: str) -> None:
        assert choose_language(asked, accepted) == chosen
