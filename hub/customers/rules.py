"""How identifiers are compared, and how two accounts of one person are put together. Pure."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from hub.customers.errors import IdentityInvalidError
from hub.customers.messages import IdentityEvidence, IdentityKind, Person

MAX_EMAIL_LENGTH = 254
MAX_VALUE_LENGTH = 200
MAX_EVIDENCE = 20
E164_DIGITS = range(7, 16)

# Country calling code and national trunk prefix (ITU-T E.164 and E.129 listings).
_CALLING_CODES = {
    "AT": ("43", "0"), "AU": ("61", "0"), "BE": ("32", "0"), "BG": ("359", "0"), "BR": ("55", "0"),
    "CA": ("1", "1"), "CH": ("41", "0"), "CN": ("86", "0"), "CY": ("357", ""), "CZ": ("420", ""),
    "DE": ("49", "0"), "DK": ("45", ""), "EE": ("372", ""), "ES": ("34", ""), "FI": ("358", "0"),
    "FR": ("33", "0"), "GB": ("44", "0"), "GR": ("30", ""), "HR": ("385", "0"), "HU": ("36", "06"),
    "IE": ("353", "0"), "IN": ("91", "0"), "IT": ("39", ""), "JP": ("81", "0"), "KR": ("82", "0"),
    "LT": ("370", "0"), "LU": ("352", ""), "LV": ("371", ""), "MT": ("356", ""), "MX": ("52", ""),
    "NL": ("31", "0"), "NO": ("47", ""), "NZ": ("64", "0"), "PL": ("48", ""), "PT": ("351", ""),
    "RO": ("40", "0"), "SE": ("46", "0"), "SG": ("65", ""), "SI": ("386", "0"), "SK": ("421", "0"),
    "TR": ("90", "0"), "UA": ("380", "0"), "US": ("1", "1"), "ZA": ("27", "0"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identifier:
    """Evidence in the form in which it is compared. `proves`: it may say who the person is."""

    kind: IdentityKind
    value: str = field(repr=False)
    channel_id: UUID | None
    proves: bool


def normalise_email(text: str) -> str:
    """Trimmed and case-folded; nothing else, since only the mail host knows which boxes are the same.

    Raises IdentityInvalidError.
    """
    email = unicodedata.normalize("NFC", text.strip()).casefold()
    local, _, domain = email.partition("@")
    if not local or not domain or "@" in domain or len(email) > MAX_EMAIL_LENGTH:
        raise IdentityInvalidError("this is not an e-mail address: it must read name@domain", path=("email",))
    if any(character.isspace() or not character.isprintable() for character in email):
        raise IdentityInvalidError("an e-mail address has no blanks or control characters", path=("email",))
    return email


def normalise_phone(text: str, country: str = "") -> str:
    """E.164 ("+4930123456") when the number is international or `country` says how to read it, else its digits.

    Raises IdentityInvalidError.
    """
    written = text.strip().replace("(0)", "")
    digits = "".join(str(unicodedata.digit(character)) for character in written if character.isdecimal())
    if written.startswith("+"):
        number = "+" + digits
    elif digits.startswith("00"):
        number = "+" + digits[2:]
    else:
        number = _national(digits, country.upper())
    if len(number.lstrip("+")) not in E164_DIGITS:
        raise IdentityInvalidError("a phone number has 7 to 15 digits", path=("phone",))
    return number


def _national(digits: str, country: str) -> str:
    if country not in _CALLING_CODES:
        return digits
    code, trunk = _CALLING_CODES[country]
    return f"+{code}{digits.removeprefix(trunk)}"


def normalise_token(text: str) -> str:
    """A card number or token in capitals, without the blanks and dashes it is printed with."""
    return _printable(re.sub(r"[\s:.-]", "", text).upper())


def _printable(text: str) -> str:
    value = text.strip()
    if not 1 <= len(value) <= MAX_VALUE_LENGTH or not value.isprintable():
        raise IdentityInvalidError(f"an identifier has 1 to {MAX_VALUE_LENGTH} printable characters")
    return value


_NORMALISE: dict[IdentityKind, Callable[[str], str]] = {
    IdentityKind.EMAIL: normalise_email,
    IdentityKind.LOYALTY_CARD: normalise_token,
    IdentityKind.NFC_TOKEN: normalise_token,
    IdentityKind.CHANNEL_ACCOUNT: _printable,
}


def identifier(evidence: IdentityEvidence) -> Identifier:
    """Raises IdentityInvalidError.

    A verified phone number in national form proves nothing: two countries may have given it to two people.
    """
    if (evidence.kind is IdentityKind.CHANNEL_ACCOUNT) != (evidence.channel_id is not None):
        raise IdentityInvalidError("a channel account names its channel, and nothing else does")
    if evidence.kind is IdentityKind.PHONE:
        value = normalise_phone(evidence.value, evidence.country)
        return Identifier(evidence.kind, value, None, evidence.verified and value.startswith("+"))
    value = _NORMALISE[evidence.kind](evidence.value)
    own = evidence.kind is IdentityKind.CHANNEL_ACCOUNT
    return Identifier(evidence.kind, value, evidence.channel_id, own or evidence.verified)


def usable_identifiers(evidence: Iterable[IdentityEvidence]) -> list[Identifier]:
    """What can be compared, each once; what a channel's customers mistyped is left out."""
    found: dict[tuple[IdentityKind, str, UUID | None], Identifier] = {}
    for given in evidence:
        try:
            one = identifier(given)
        except IdentityInvalidError:
            continue
        key = (one.kind, one.value, one.channel_id)
        if key not in found or one.proves:
            found[key] = one
    return list(found.values())


def completed(known: Person | None, told: Person) -> Person:
    """What is known, its blanks filled with what was told."""
    if known is None:
        return told
    return Person(
        first_name=known.first_name or told.first_name,
        last_name=known.last_name or told.last_name,
        email=known.email or told.email,
        phone=known.phone or told.phone,
    )
