"""Electronic product codes of serialised trade items: GS1 EPC Tag Data Standard, SGTIN-96 and SGTIN-198.

A tag's memory is read as hexadecimal text; EPCIS and most middleware write the same identity as a URI. What both
name is a GTIN and a serial number, and that pair is what one physical item is known by.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import unquote

from hub.kernel.errors import InvalidInputError
from hub.kernel.gtin import GtinError, check_digit, normalise_gtin

MAX_TEXT: Final = 256


class EpcError(InvalidInputError):
    code = "INVALID_EPC"


class EpcSchemeError(InvalidInputError):
    """Well-formed, but not an SGTIN: a pallet's code, an asset's, a library's."""

    code = "EPC_SCHEME_UNKNOWN"


class _Partition(NamedTuple):
    company_bits: int
    company_digits: int
    item_bits: int
    item_digits: int


_PARTITIONS: Final = (
    _Partition(40, 12, 4, 1),
    _Partition(37, 11, 7, 2),
    _Partition(34, 10, 10, 3),
    _Partition(30, 9, 14, 4),
    _Partition(27, 8, 17, 5),
    _Partition(24, 7, 20, 6),
    _Partition(20, 6, 24, 7),
)
"""Table 14-2: how the 44 bits after the partition value are shared, by that value."""

_NUMERIC_BITS: Final = 38
_CHARACTER_BITS: Final = 7
_MAX_CHARACTERS: Final = 20
_FILTERS: Final = 8
_PREFIX_DIGITS: Final = range(6, 13)
_REFERENCE_DIGITS: Final = 13
_HEX: Final = re.compile(r"[0-9A-Fa-f]+", re.ASCII)
_SERIAL: Final = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}", re.ASCII)
_NUMBER: Final = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_PURE: Final = re.compile(r"urn:epc:id:sgtin:([0-9]+)\.([0-9]+)\.(\S+)", re.ASCII)
_TAGGED: Final = re.compile(r"urn:epc:tag:sgtin-(96|198):([0-9])\.([0-9]+)\.([0-9]+)\.(\S+)", re.ASCII)
_LINK: Final = re.compile(r"https?://[^/\s?#]+(?:/[^/\s?#]+)*?/01/([0-9]{8,14})/21/([^/\s?#]+)", re.ASCII)
_ESCAPED: Final = frozenset('"%&/<>?')


class _Scheme(NamedTuple):
    bits: int
    header: int
    serial_bits: int
    hex_lengths: frozenset[int]


_SCHEMES: Final = {
    96: _Scheme(96, 0x30, 38, frozenset({24})),
    # 198 bits fill whole bytes or 16-bit words of the tag; the rest is zero.
    198: _Scheme(198, 0x36, 140, frozenset({50, 52, 56})),
}
_BY_HEADER: Final = {scheme.header: scheme for scheme in _SCHEMES.values()}


@dataclass(frozen=True, slots=True)
class Sgtin:
    """One trade item. `item_reference` begins with the indicator digit, as in the URI. Raises EpcError."""

    company_prefix: str
    item_reference: str
    serial: str

    def __post_init__(self) -> None:
        digits = self.company_prefix + self.item_reference
        if not (digits.isascii() and digits.isdigit()) or len(digits) != _REFERENCE_DIGITS:
            raise EpcError("company prefix and item reference of an SGTIN have 13 digits together")
        if len(self.company_prefix) not in _PREFIX_DIGITS:
            raise EpcError("the company prefix of an SGTIN has 6 to 12 digits")
        if not _SERIAL.fullmatch(self.serial):
            raise EpcError("the serial number of an SGTIN has 1 to 20 characters of GS1's set 82")

    @property
    def gtin(self) -> str:
        """The GTIN-14 with its check digit."""
        digits = self.item_reference[0] + self.company_prefix + self.item_reference[1:]
        return f"{digits}{check_digit(digits)}"

    @property
    def uri(self) -> str:
        """The pure identity URI."""
        return f"urn:epc:id:sgtin:{self._body}"

    @property
    def _body(self) -> str:
        return f"{self.company_prefix}.{self.item_reference}.{_escape(self.serial)}"


@dataclass(frozen=True, slots=True)
class SgtinTag:
    """What a tag's EPC memory says: the item, a filter value 0 … 7, and a size of 96 or 198 bits."""

    sgtin: Sgtin
    filter: int = 1
    bits: int = 96

    def __post_init__(self) -> None:
        if self.bits not in _SCHEMES or not 0 <= self.filter < _FILTERS:
            raise EpcError("an SGTIN tag has 96 or 198 bits and a filter value from 0 to 7")
        serial = self.sgtin.serial
        if self.bits == _SCHEMES[96].bits and not (
            _NUMBER.fullmatch(serial) and int(serial).bit_length() <= _NUMERIC_BITS
        ):
            raise EpcError("the serial number of an SGTIN-96 is a number below 2^38 without leading zeros")

    @property
    def uri(self) -> str:
        """The tag URI."""
        return f"urn:epc:tag:sgtin-{self.bits}:{self.filter}.{self.sgtin.uri.rpartition('sgtin:')[2]}"


class ReadEpc(NamedTuple):
    """A tag as it was told: the pair that identifies the item, and the URI that it is written as elsewhere."""

    gtin: str
    serial: str
    uri: str


def parse_epc(text: str) -> ReadEpc:
    """An EPC as hexadecimal memory, pure identity URI, tag URI or GS1 Digital Link.

    Raises EpcError, or EpcSchemeError for what is no SGTIN.
    """
    if len(text) > MAX_TEXT or not (text.isascii() and text.isprintable()):
        raise EpcError(f"an EPC has at most {MAX_TEXT} printable ASCII characters")
    if _HEX.fullmatch(text):
        return _read(decode_tag(text).sgtin)
    if text.startswith("urn:"):
        return _read(_from_uri(text))
    return _from_link(text)


def decode_tag(text: str) -> SgtinTag:
    """The tag in hexadecimal text. Raises EpcError or EpcSchemeError."""
    if not _HEX.fullmatch(text) or len(text) % 2:
        raise EpcError("the memory of a tag is an even number of hexadecimal digits")
    scheme = _BY_HEADER.get(int(text[:2], 16))
    if scheme is None:
        raise EpcSchemeError(f"the header {text[:2].upper()} is not that of SGTIN-96 (30) or SGTIN-198 (36)")
    if len(text) not in scheme.hex_lengths:
        raise EpcError(f"{len(text) * 4} bits are not the memory of an SGTIN-{scheme.bits}")
    padding = len(text) * 4 - scheme.bits
    value = int(text, 16)
    if value & ((1 << padding) - 1):
        raise EpcError(f"there is something after the {scheme.bits} bits of the tag")
    return _decode(value >> padding, scheme)


def encode_tag(tag: SgtinTag) -> str:
    """The tag's memory in upper-case hexadecimal, padded to whole 16-bit words as readers tell it."""
    scheme, sgtin = _SCHEMES[tag.bits], tag.sgtin
    number = max(_PREFIX_DIGITS) - len(sgtin.company_prefix)
    shape = _PARTITIONS[number]
    value = scheme.header
    value = value << 3 | tag.filter
    value = value << 3 | number
    value = value << shape.company_bits | int(sgtin.company_prefix)
    value = value << shape.item_bits | int(sgtin.item_reference)
    value = value << scheme.serial_bits | _serial_bits(sgtin.serial, scheme)
    words = -(-scheme.bits // 16)
    return f"{value << (words * 16 - scheme.bits):0{words * 4}X}"


def _decode(value: int, scheme: _Scheme) -> SgtinTag:
    serial = value & ((1 << scheme.serial_bits) - 1)
    rest = value >> scheme.serial_bits
    reference = rest & ((1 << 44) - 1)
    number, filter_value = rest >> 44 & 7, rest >> 47 & 7
    if number >= len(_PARTITIONS):
        raise EpcError(f"the partition value {number} of the tag is not one of 0 to 6")
    shape = _PARTITIONS[number]
    company, item = divmod(reference, 1 << shape.item_bits)
    if company >= 10**shape.company_digits or item >= 10**shape.item_digits:
        raise EpcError("company prefix or item reference of the tag have more digits than its partition allows")
    sgtin = Sgtin(f"{company:0{shape.company_digits}d}", f"{item:0{shape.item_digits}d}", _serial_text(serial, scheme))
    return SgtinTag(sgtin, filter_value, scheme.bits)


def _serial_bits(serial: str, scheme: _Scheme) -> int:
    if scheme.bits == _SCHEMES[96].bits:
        return int(serial)
    value = 0
    for character in serial.ljust(_MAX_CHARACTERS, "\0"):
        value = value << _CHARACTER_BITS | ord(character)
    return value


def _serial_text(value: int, scheme: _Scheme) -> str:
    """The serial; Sgtin refuses an empty one, a gap and characters that GS1 does not allow."""
    if scheme.bits == _SCHEMES[96].bits:
        return str(value)
    last = (_MAX_CHARACTERS - 1) * _CHARACTER_BITS
    text = "".join(chr(value >> shift & 0x7F) for shift in range(last, -1, -_CHARACTER_BITS))
    return text.rstrip("\0")


def _from_uri(text: str) -> Sgtin:
    if found := _PURE.fullmatch(text):
        company, item, serial = found.groups()
        return Sgtin(company, item, _unescape(serial))
    if found := _TAGGED.fullmatch(text):
        bits, filter_value, company, item, serial = found.groups()
        return SgtinTag(Sgtin(company, item, _unescape(serial)), int(filter_value), int(bits)).sgtin
    if text.startswith(("urn:epc:id:sgtin:", "urn:epc:tag:sgtin-")):
        raise EpcError("this is not the URI of an SGTIN")
    raise EpcSchemeError("this is not the URI of an SGTIN, and nothing else is read here")


def _from_link(text: str) -> ReadEpc:
    found = _LINK.fullmatch(text)
    if found is None:
        raise EpcError("an EPC is hexadecimal, a urn:epc URI, or a GS1 Digital Link with /01/ and /21/")
    serial = unquote(found[2])
    if not _SERIAL.fullmatch(serial):
        raise EpcError("the serial number has 1 to 20 characters of GS1's set 82")
    try:
        return ReadEpc(normalise_gtin(found[1]), serial, text)
    except GtinError as error:
        raise EpcError(error.message) from None


def _read(sgtin: Sgtin) -> ReadEpc:
    return ReadEpc(sgtin.gtin, sgtin.serial, sgtin.uri)


def _escape(serial: str) -> str:
    return "".join(f"%{ord(character):02X}" if character in _ESCAPED else character for character in serial)


def _unescape(text: str) -> str:
    """The serial that is written so; Raises EpcError for a character that had to be escaped, or a wrong escape."""
    serial = unquote(text)
    if _escape(serial).upper() != text.upper() or "%" in re.sub(r"%[0-9A-Fa-f]{2}", "", text):
        raise EpcError("the serial number of the URI is not escaped as the standard says")
    return serial
