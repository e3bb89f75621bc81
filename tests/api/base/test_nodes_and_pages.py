"""Global ids, cursors and pages."""

import base64
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from hub_graphql import pagination
from hub_graphql.ids import GlobalIdError, expect_id, global_id, parse_global_id

KEY = UUID("018f0000-0000-7000-8000-000000000001")


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_an_id_reads_back_as_its_type_and_key():
    assert parse_global_id(global_id("Product", KEY)) == ("Product", KEY)
    assert expect_id("Product", global_id("Product", KEY)) == KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "!!!",
        "ünïcode",
        encoded("Product"),
        encoded("Product:1"),
        encoded(f"Product:{str(KEY).upper()}x"),
        encoded(f"Product:{KEY.hex}"),
        encoded(f"Product:{{{KEY}}}"),
        global_id("Product", KEY) + "=",
        global_id("Product", KEY) + "\n",
        "A" * 100_000,
    ],
)
def test_what_is_not_an_id_is_refused(text):
    with pytest.raises(GlobalIdError, match="is not an id of the hub") as caught:
        parse_global_id(text)
    assert (caught.value.code, caught.value.path) == ("INVALID_ID", ("id",))


def test_the_id_of_another_type_is_refused():
    with pytest.raises(GlobalIdError, match="id of a Product, a Variant was expected"):
        expect_id("Variant", global_id("Product", KEY))


async def test_node_finds_objects_of_registered_types_only(running):
    query = "query($id: ID!) { node(id: $id) { id ... on Item { sku } } }"
    known = await running.post(query, variables={"id": global_id("Item", KEY)})
    unknown = await running.post(query, variables={"id": global_id("Nothing", KEY)})
    garbage = await running.post(query, variables={"id": "garbage"})
    lacking = await running.post(query, variables={"id": global_id("Item", KEY)}, caller="nobody")
    assert known.json()["data"]["node"]["sku"] == "node"
    assert unknown.json()["errors"][0]["extensions"]["code"] == "INVALID_ID"
    assert garbage.json()["errors"][0]["extensions"]["code"] == "INVALID_ID"
    assert lacking.json()["errors"][0]["extensions"]["code"] == "SCOPE_MISSING"


def test_a_cursor_reads_back_with_its_types():
    values = ("naïve", 7, uuid4(), datetime(2026, 11, 22, 10, tzinfo=UTC))
    scope = pagination.cursor_scope("products", sort="NAME")
    cursor = pagination.encode_cursor(scope, values)
    assert pagination.decode_cursor(cursor, scope, (str, int, UUID, datetime)) == values


def test_a_cursor_of_another_query_filter_or_order_is_refused():
    scope = pagination.cursor_scope("products", search="shoe", sort="NAME")
    cursor = pagination.encode_cursor(scope, ("a",))
    for other in (
        pagination.cursor_scope("orders", search="shoe", sort="NAME"),
        pagination.cursor_scope("products", search="shirt", sort="NAME"),
        pagination.cursor_scope("products", search="shoe", sort="PRICE"),
    ):
        with pytest.raises(pagination.CursorError, match="belongs to another query"):
            pagination.decode_cursor(cursor, other)


@pytest.mark.parametrize(
    "values",
    [
        [["i", 2**63]],
        [["i", True]],
        [["i", "1"]],
        [["s", 1]],
        [["s", "a\0"]],
        [["s", "\ud800"]],
        [["u", "x"]],
        [["t", "2026-11-22T10:00:00"]],
        [["x", "y"]],
        [["s"]],
        ["plain"],
        [None],
        [],
        [["s", "a"], ["s", "b"]],
    ],
)
def test_a_forged_cursor_is_refused_before_it_reaches_sql(values):
    cursor = base64.urlsafe_b64encode(json.dumps(["scope", *values]).encode()).decode().rstrip("=")
    with pytest.raises(pagination.CursorError):
        pagination.decode_cursor(cursor, "scope", (str,))


@pytest.mark.parametrize("cursor", ["", "!", "e30", encoded("[" * 1_000), encoded("null"), "A" * 10_000])
def test_garbage_is_no_cursor(cursor):
    with pytest.raises(pagination.CursorError):
        pagination.decode_cursor(cursor, "scope")


@pytest.mark.parametrize(
    ("arguments", "at"),
    [
        ({"first": 0}, ("first",)),
        ({"first": -1}, ("first",)),
        ({"first": 101}, ("first",)),
        ({"last": 101}, ("last",)),
        ({"first": 5, "last": 5}, ("last",)),
        ({"first": 5, "before": "x"}, ("last",)),
    ],
)
def test_paging_arguments_out_of_bounds_are_named(arguments, at):
    with pytest.raises(pagination.PageError) as caught:
        pagination.page("scope", tuple[int], **arguments)
    assert caught.value.path == at


def rows_for(wanted: pagination.Page[tuple[int, ...]]) -> list[int]:
    """What a repository would read from 1 … 10."""
    at = wanted.position[0] if wanted.position else None
    assert at is None or isinstance(at, int)
    if wanted.backwards:
        rows = [n for n in range(10, 0, -1) if at is None or n < at]
    else:
        rows = [n for n in range(1, 11) if at is None or n > at]
    return rows[: wanted.fetch]


def numbers(wanted: pagination.Page[tuple[int, ...]]) -> tuple[list[int], pagination.PageInfo]:
    made = pagination.connect(rows_for(wanted), wanted, node=lambda row: row, key=lambda row: (row,))
    return [edge.node for edge in made.edges], made.page_info


def test_walking_forward_and_back_meets_every_row_once():
    forward, info = numbers(pagination.page("s", tuple[int], first=4))
    seen = list(forward)
    while info.has_next_page:
        rows, info = numbers(pagination.page("s", tuple[int], first=4, after=info.end_cursor))
        seen += rows
    assert seen == list(range(1, 11))
    back, info = numbers(pagination.page("s", tuple[int], last=4))
    assert (back, info.has_previous_page, info.has_next_page) == ([7, 8, 9, 10], True, False)
    back, info = numbers(pagination.page("s", tuple[int], last=4, before=info.start_cursor))
    assert (back, info.has_previous_page, info.has_next_page) == ([3, 4, 5, 6], True, True)


def test_an_empty_page_has_no_cursors():
    nothing: list[int] = []
    made = pagination.connect(nothing, pagination.page("s", tuple[int]), node=lambda row: row, key=lambda row: (row,))
    assert (made.page_info.start_cursor, made.page_info.has_next_page) == (None, False)


async def test_a_cursor_of_another_query_is_told_as_invalid(running):
    cursor = pagination.encode_cursor(pagination.cursor_scope("orders"), ("S1",))
    response = await running.post(
        "query($c: String) { items(after: $c) { edges { cursor } } }", variables={"c": cursor}
    )
    (error,) = response.json()["errors"]
    assert (error["extensions"]["code"], error["extensions"]["path"]) == ("INVALID_CURSOR", ["after"])
