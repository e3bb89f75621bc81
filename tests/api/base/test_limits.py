"""The published limits are the ones that hold, and a flood of bounded documents stays cheap."""

import re
import tracemalloc
from pathlib import Path

import pytest
from graphql import get_introspection_query

from hub.kernel.errors import HubError
from hub.kernel.principal import Principal
from hub_graphql import limits
from hub_graphql.edge import Edge
from hub_graphql.guard import guarded
from hub_graphql.strict_json import GraphQLRequest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "limits.md"

ATTACKS = {
    "aliases of a page": "{"
    + " ".join(f"a{n}: items(first: 30) {{ edges {{ node {{ sku }} }} }}" for n in range(29))
    + "}",
    "fields that conflict": "{ item(sku: 1) {" + " ".join("related { edges { cursor } }" for _ in range(60)) + "} }",
    "fragments on one field": "{ item(sku: 1) { ...a } } fragment a on Item {"
    + "...b " * 190
    + "} fragment b on Item { sku }",
    "unknown fields": "{" + " ".join(f"x{n}" for n in range(199)) + "}",
    "a long list": "{ levels(skus: [" + '"a" ' * 1_900 + "]) { sku } }",
    "unused variables": "query(" + " ".join(f"$v{n}: Int" for n in range(400)) + ") { __typename }",
    "a long string": '{ item(sku: "' + "x" * 60_000 + '") { sku } }',
    "introspection": get_introspection_query(),
}


def published() -> dict[str, str]:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"\| ([\d,]+) \| `(\w+)` \|", text) + re.findall(r"([\d,]+)[^\d|`]*\(`(\w+)`\)", text)
    return {name: value for value, name in rows}


def test_every_limit_is_published_with_its_value():
    assert published() == {name: f"{int(value):,}" for name, value in vars(limits).items() if name.isupper()}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_of_allowed_size_is_judged_within_fifty_megabytes(
    name: str, edge: Edge, callers: dict[str, Principal]
):
    tracemalloc.start()
    try:
        edge.engine.prepare(GraphQLRequest(ATTACKS[name]), callers["reader"])
    except HubError as error:
        assert error.message  # noqa: PT017 (either outcome is fine; what counts is the memory)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000_000


def test_the_guard_visits_no_selection_twice():
    query = "{ item(sku: 1) { ...a ...a ...a } } fragment a on Item { ...b ...b } fragment b on Item { sku id }"
    assert guarded(query).visits == 1 + 3 + 2 + 2
