"""The languages of the pages: which one a visitor gets, and its table of strings."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

STRINGS: Final = Path(__file__).resolve().parent / "static" / "strings"
LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "de": "Deutsch"}
"""Every language by its code, as it calls itself. The first is for everybody who reads none of them."""
DEFAULT_LANGUAGE: Final = next(iter(LANGUAGES))
MAX_HEADER_LENGTH: Final = 500


def choose_language(asked: str | None, accepted: str) -> str:
    """`asked` (`?lang`) when we have it, else the best of the Accept-Language header, else English."""
    if asked in LANGUAGES:
        return str(asked)
    ranked = sorted(_ranked(accepted[:MAX_HEADER_LENGTH]), key=lambda item: -item[0])
    return next((code for weight, code in ranked if weight > 0 and code in LANGUAGES), DEFAULT_LANGUAGE)


@cache
def strings(language: str) -> Mapping[str, str]:
    """The language's table. Read once: it comes with the code."""
    table: dict[str, str] = json.loads((STRINGS / f"{language}.json").read_text(encoding="utf-8"))
    return table


def _ranked(header: str) -> Iterator[tuple[float, str]]:
    """Weight and primary tag of each range, in the order written (RFC 9110, 12.5.4)."""
    for item in header.split(","):
        tag, _, parameter = item.partition(";")
        name, _, value = parameter.strip().partition("=")
        weight = _weight(value) if name.strip().lower() == "q" else 1.0
        yield weight, tag.strip().partition("-")[0].lower()


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
