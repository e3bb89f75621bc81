from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.errors import ContractBroken
from adapters.sdk.reading import Reader
from adapters.sdk.transport import read_json
from hub.kernel.money import Money


def reader(text: str) -> Reader:
    return Reader(read_json(text.encode()))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ('"19.90"', 1990),
        ("19.90", 1990),
        ("21.5", 2150),
        ("-3", -300),
        ('"1500.0000"', 150000),
        ("1E+1", 1000),
    ],
)
def test_amounts_are_exact_however_they_are_written(text: str, amount: int) -> None:
    assert reader(f'{{"a": {text}}}').money("a", "EUR") == Money(amount, "EUR")


@pytest.mark.parametrize(
    "text",
    ['"1e999999999"', "1e999999999", '"NaN"', '"1.005"', '""', "true", "null", "[]", '"٣"', '" 1"', "1e30"],
)
def test_what_is_not_an_amount_is_refused_with_its_path(text: str) -> None:
    with pytest.raises(ContractBroken) as caught:
        reader(f'{{"a": {text}}}').money("a", "EUR")
    assert caught.value.path == "$.a"


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(ContractBroken, match="QQQ"):
        reader('{"a": "1"}').money("a", "QQQ")


@pytest.mark.parametrize(
    ("read", "field"),
    [
        (lambda r: r.text("n"), "n"),
        (lambda r: r.text("missing"), "missing"),
        (lambda r: r.integer("s"), "s"),
        (lambda r: r.flag("n"), "n"),
        (lambda r: r.identifier("e"), "e"),
        (lambda r: r.object("n"), "n"),
        (lambda r: r.list("n"), "n"),
        (lambda r: r.instant("s"), "s"),
        (lambda r: r.instant("naive"), "naive"),
        (lambda r: r.text("nul"), "nul"),
        (lambda r: r.text("half"), "half"),
    ],
)
def test_the_first_misfit_is_named_by_path(read: Callable[[Reader], Any], field: str) -> None:
    one = Reader(
        {"n": 1, "s": "x", "e": "", "naive": "2026-11-22T10:00:00", "nul": "a\x00", "half": "\ud800"}, "$.orders[3]"
    )
    with pytest.raises(ContractBroken) as caught:
        read(one)
    assert caught.value.path == f"$.orders[3].{field}"


def test_lists_carry_their_index_and_may_be_absent() -> None:
    one = Reader({"lines": [{"id": 1}, 7], "none": None})
    assert list(one.list("none")) == list(one.list("absent")) == []
    lines = one.list("lines")
    assert next(lines).path == "$.lines[0]"
    with pytest.raises(ContractBroken, match=r"\$\.lines\[1\]"):
        next(lines)


def test_an_id_beyond_two_to_the_53_stays_exact() -> None:
    assert reader('{"id": 9007199254740993}').identifier("id") == "9007199254740993"


def test_an_instant_without_offset_is_utc_only_where_the_channel_says_so() -> None:
    one = Reader({"at": "2026-11-22T10:00:00", "east": "2026-11-22T12:00:00+02:00"})
    expected = datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert one.instant("at", assume_utc=True) == one.instant("east") == expected
    assert one.instant("east").utcoffset() == timedelta(0)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_no_value_escapes_as_another_error(value: Any) -> None:
    one = Reader({"x": value})
    paths = [error.path for read in _readers(one) if (error := _misfit(read)) is not None]
    assert all(path.startswith("$.x") for path in paths)


@pytest.mark.parametrize("value", [-1, 10**12, 2**63])
def test_a_quantity_is_bounded(value: int) -> None:
    with pytest.raises(ContractBroken):
        Reader({"q": value}).quantity("q")


def _readers(one: Reader) -> tuple[Callable[[str], Any], ...]:
    return (one.text, one.integer, one.flag, one.instant, one.identifier, one.object, one.list)


def _misfit(read: Callable[[str], Any]) -> ContractBroken | None:
    try:
        read("x")
    except ContractBroken as error:
        return error
    return None
