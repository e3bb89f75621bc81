"""Making url-safe names out of titles."""

import re
import unicodedata

_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "đ": "d"})
MAX_SLUG_LENGTH = 200


def slug(text: str) -> str:
    """Lower-case ASCII words joined by hyphens; empty when nothing of the text is left."""
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    ascii_text = folded.encode("ascii", "ignore").decode()
    return _NOT_SLUG.sub("-", ascii_text).strip("-")[:MAX_SLUG_LENGTH].strip("-")
