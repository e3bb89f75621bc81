"""SGTIN tags: the standard's own examples, every way back, and what is refused."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.kernel.epc import EpcError, EpcSchemeError, Sgtin, SgtinTag, decode_tag, encode_tag, parse_epc
from hub.kernel.gtin import normalise_gtin

TAG_96 = "3074257BF7194E4000001A85"
TAG_198 = "3674257BF6B7A659B2C2BF1000000000000000000000000000"
SERIAL_CHARACTERS = "!\"%&'()*+,-./0123456789:;<=>?_" + string.ascii_letters


@st.composite
def sgtins(draw: st.DrawFn, serials: st.SearchStrategy[str]) -> Sgtin:
    digits = draw(st.text("0123456789", min_size=13, max_size=13))
    split = draw(st.integers(6, 12))
    return Sgtin(digits[:split], digits[split:], draw(serials))


NUMBERS = st.integers(0, 2**38 - 1).map(str)
TEXTS = st.text(SERIAL_CHARACTERS, min_size=1, max_size=20)


class TestExamplesOfTheStandard:
    """Tag Data Standard, annex E.3."""

    def test_sgtin_96(self) -> None:
        tag = decode_tag(TAG_96)
        assert tag.uri == "urn:epc:tag:sgtin-96:3.0614141.812345.6789"
        assert tag.sgtin.uri == "urn:epc:id:sgtin:0614141.812345.6789"
        assert (tag.sgtin.gtin, tag.sgtin.serial, tag.filter) == ("80614141123458", "6789", 3)
        assert encode_tag(tag) == TAG_96

    def test_sgtin_198(self) -> None:
        tag = decode_tag(TAG_198)
        assert tag.uri == "urn:epc:tag:sgtin-198:3.0614141.712345.32a%2Fb"
        assert tag.sgtin.uri == "urn:epc:id:sgtin:0614141.712345.32a%2Fb"
        assert (tag.sgtin.gtin, tag.sgtin.serial, tag.filter) == ("70614141123451", "32a/b", 3)
        assert encode_tag(tag) == TAG_198 + "00"

    @pytest.mark.parametrize("text", [TAG_198, TAG_198 + "00", TAG_198 + "000000", TAG_198.lower()])
    def test_the_memory_may_be_told_in_bytes_or_words(self, text: str) -> None:
        assert parse_epc(text).serial == "32a/b"


class TestEveryWayBack:
    @given(sgtins(NUMBERS), st.integers(0, 7))
    def test_96_bits(self, sgtin: Sgtin, filter_value: int) -> None:
        tag = SgtinTag(sgtin, filter_value, 96)
        assert decode_tag(encode_tag(tag)) == tag

    @given(sgtins(TEXTS), st.integers(0, 7))
    def test_198_bits(self, sgtin: Sgtin, filter_value: int) -> None:
        tag = SgtinTag(sgtin, filter_value, 198)
        assert decode_tag(encode_tag(tag)) == tag

    @given(sgtins(TEXTS))
    def test_every_form_names_the_same_item(self, sgtin: Sgtin) -> None:
        tag = SgtinTag(sgtin, 1, 198)
        assert parse_epc(sgtin.uri) == parse_epc(tag.uri) == parse_epc(encode_tag(tag))
        assert normalise_gtin(sgtin.gtin) == parse_epc(sgtin.uri).gtin

    @given(sgtins(NUMBERS), st.integers(0, 11), st.integers(1, 255))
    def test_a_changed_byte_is_another_item_or_refused(self, sgtin: Sgtin, at: int, change: int) -> None:
        memory = bytearray.fromhex(encode_tag(SgtinTag(sgtin)))
        memory[at] ^= change
        try:
            tag = decode_tag(memory.hex())
        except (EpcError, EpcSchemeError):
            return
        assert tag != SgtinTag(sgtin)

    @given(st.text(max_size=300) | st.text("0123456789ABCDEF", max_size=60))
    def test_nothing_else_is_ever_raised(self, text: str) -> None:
        try:
            parse_epc(text)
        except (EpcError, EpcSchemeError):
            return


def test_a_digital_link_names_an_item_too() -> None:
    found = parse_epc("https://id.gs1.org/01/70614141123451/21/32a%2Fb")
    assert (found.gtin, found.serial) == ("70614141123451", "32a/b")
    assert parse_epc("https://shop.example/goods/01/00614141123452/21/7").gtin == "00614141123452"


@pytest.mark.parametrize(
    "text",
    [
        "",
        TAG_96[:-1],
        TAG_96 + "00",
        TAG_96[:-1] + "G",
        " " + TAG_96,
        "307C257BF7194E4000001A85",  # partition 7
        "3079FFFFF7194E4000001A85",  # a company prefix of more digits than its partition
        TAG_198[:-1] + "1",  # behind the 198 bits
        "36" + "0" * 50,  # no serial
        "3674257BF6B7A659B2002F1000000000000000000000000000",  # a gap in the serial
        "urn:epc:id:sgtin:0614141.812345",
        "urn:epc:id:sgtin:0614141.8123456.1",
        "urn:epc:id:sgtin:06141.81234567.1",
        "urn:epc:id:sgtin:0614141.812345.a/b",
        "urn:epc:id:sgtin:0614141.812345.a%41",
        "urn:epc:id:sgtin:0614141.812345.a%ZZ",
        "urn:epc:tag:sgtin-96:3.0614141.812345.0012",
        "urn:epc:tag:sgtin-96:3.0614141.812345.274877906944",
        "urn:epc:tag:sgtin-96:8.0614141.812345.1",
        "urn:epc:tag:sgtin-200:3.0614141.812345.1",
        "https://id.gs1.org/01/70614141123452/21/1",  # a wrong check digit
        "https://id.gs1.org/01/70614141123451",
        "https://id.gs1.org/\0/01/70614141123451/21/1",
        "https://id.gs1.org/01/70614141123451/21/%20",
        "٣" * 24,
        "A" * 1_000,
    ],
)
def test_what_is_no_sgtin_is_refused(text: str) -> None:
    with pytest.raises(EpcError):
        parse_epc(text)


@pytest.mark.parametrize(
    "text", ["3174257BF4499602D2000000", "00" * 12, "E2801160600002084B5C1A2F", "urn:epc:id:sscc:0614141.1234567890"]
)
def test_other_schemes_are_told_apart_from_broken_tags(text: str) -> None:
    with pytest.raises(EpcSchemeError):
        parse_epc(text)
