"""The price of a document is known before it runs, and no spelling makes it cheaper."""

from typing import Any

import pytest

from hub_graphql import limits
from hub_graphql.refusals import CostExceededError
from hub_graphql.strict_json import GraphQLRequest

PAGES = "{{ items({outer}) {{ edges {{ node {{ related({inner}) {{ edges {{ node {{ sku }} }} }} }} }} }} }}"


@pytest.fixture
def priced(edge, callers):
    def price(query: str, **variables: Any) -> int:
        return int(edge.engine.prepare(GraphQLRequest(query, None, variables), callers["reader"]).cost)

    return price


def test_a_page_costs_its_connection_and_its_items(priced):
    assert priced("{ items(first: 10) { edges { node { sku } } pageInfo { hasNextPage } } }") == 1 + 10


def test_nested_pages_multiply(priced):
    query = PAGES.format(outer="first: 10", inner="first: 5")
    assert priced(query) == 1 + 10 * (1 + 1 + 5)


def test_variables_and_their_absence_are_priced(priced):
    query = "query($a: Int, $b: Int) " + PAGES.format(outer="first: $a", inner="first: $b")
    assert priced(query, a=2, b=3) == 1 + 2 * (2 + 3)
    assert priced(query, a=2) == 1 + 2 * (2 + limits.DEFAULT_PAGE_SIZE)
    assert priced(query, a=2.0, b=3) == 1 + 2 * (2 + 3)


def test_a_default_in_the_document_counts_when_the_variable_is_absent(priced):
    query = "query($n: Int = 90) { items(first: $n) { edges { node { sku } } } }"
    assert priced(query) == 91
    assert priced(query, n=1) <= 91


def test_a_list_argument_sizes_its_list(priced):
    query = "query($s: [String!]!) { levels(skus: $s) { sku } }"
    assert priced(query, s=["a", "b", "c"]) == 3
    assert priced('{ levels(skus: ["a", "b"]) { sku } }') == 2


def test_a_list_without_arguments_has_an_assumed_size(priced):
    assert priced('{ item(sku: "a") { parts { sku } } }') == 1 + limits.DEFAULT_LIST_SIZE


@pytest.mark.parametrize(
    ("outer", "inner", "variables"),
    [
        ("first: 100", "first: 100", {}),
        ("first: 1000000000", "first: 1", {}),
        ("first: $a", "first: $b", {"a": 100, "b": 100}),
        ("first: $a", "first: $b", {"a": 10**300, "b": 10**300}),
        ("first: 100", "first: 9999999999999999999999", {}),
    ],
)
def test_a_document_beyond_the_limit_is_refused(priced, outer, inner, variables):
    with pytest.raises(CostExceededError, match="the limit is 1000"):
        priced("query($a: Int, $b: Int) " + PAGES.format(outer=outer, inner=inner), **variables)


def test_fragments_and_inline_fragments_do_not_hide_the_price(priced):
    query = (
        "{ ...a } fragment a on Query { ... on Query { items(first: 40) { edges { ...b } } } }"
        " fragment b on ItemEdge { node { related(first: 40) { edges { node { sku } } } } }"
    )
    with pytest.raises(CostExceededError):
        priced(query)


def test_many_leaves_of_many_objects_are_bounded_too(priced):
    leaves = " ".join(f"a{n}: sku" for n in range(29))
    query = "{ levels(skus: $s) { parts { " + leaves + " } } }"
    with pytest.raises(CostExceededError, match="values"):
        priced("query($s: [String!]!) " + query, s=["x"] * 88)


def test_mutations_weigh_more(priced):
    assert priced('mutation { itemRename(input: {sku: "a", name: "b"}) { item { sku } } }') == 10 + 1


async def test_the_limit_is_told_to_the_client_and_nothing_ran(running, journal):
    response = await running.post(PAGES.format(outer="first: 100", inner="first: 100"))
    error = response.json()["errors"][0]
    assert response.status_code == 400
    assert error["extensions"]["code"] == "COST_EXCEEDED"
    assert error["extensions"]["cost"] == {"requested": 10_201, "limit": 1000}
    assert not journal.calls
