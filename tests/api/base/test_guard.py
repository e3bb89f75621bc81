"""Documents are measured before anything walks them; limits are judged by counted work, not by time."""

import pytest
from graphql import get_introspection_query

from hub_graphql import limits
from hub_graphql.guard import guarded
from hub_graphql.refusals import DocumentSyntaxError, DocumentTooComplexError


def doubling(count: int) -> str:
    """The classic bomb: each of `count` fragments spreads the next one twice."""
    spreads = " ".join(f"fragment f{n} on Item{{...f{n + 1} ...f{n + 1}}}" for n in range(count - 1))
    return f'{{item(sku:"a"){{...f0}}}} {spreads} fragment f{count - 1} on Item{{sku}}'


def nested(depth: int, field: str = "related") -> str:
    return "{" + f"{field} {{" * (depth - 1) + "sku" + "}" * depth


def test_twenty_doubling_fragments_are_refused_after_visiting_each_selection_once():
    query = doubling(20)
    assert len(query) < 1_000
    with pytest.raises(DocumentTooComplexError, match=r"has \d+ fields; the limit is 200"):
        guarded(query)


def test_fragments_within_the_limits_are_visited_once_each():
    document = guarded(doubling(7))
    assert document.visits == 2 + 6 * 2 + 1


def test_sixty_doubling_fragments_are_refused_as_too_many_definitions():
    with pytest.raises(DocumentTooComplexError, match="61 definitions; the limit is 50"):
        guarded(doubling(60))


def test_a_bomb_of_aliases_and_directives_in_fragments_is_counted_written_out():
    spreads = " ".join(f"fragment f{n} on Item{{...f{n + 1} ...f{n + 1}}}" for n in range(6))
    with pytest.raises(DocumentTooComplexError, match="aliases; the limit is 30"):
        guarded(f"{{...f0}} {spreads} fragment f6 on Item{{a: sku}}")
    with pytest.raises(DocumentTooComplexError, match="directives; the limit is 30"):
        guarded(f"{{...f0}} {spreads} fragment f6 on Item{{sku @skip(if: false)}}")


@pytest.mark.parametrize("depth", [16, 50])
def test_depth_beyond_the_limit_is_refused(depth):
    with pytest.raises(DocumentTooComplexError, match=r"depth|deeply"):
        guarded(nested(depth))


def test_depth_at_the_limit_passes():
    assert guarded(nested(limits.MAX_DEPTH)).visits == limits.MAX_DEPTH


def test_depth_is_counted_through_fragments():
    chain = " ".join(f"fragment f{n} on Item{{related{{...f{n + 1}}}}}" for n in range(20))
    with pytest.raises(DocumentTooComplexError, match="levels of depth"):
        guarded(f"{{...f0}} {chain} fragment f20 on Item{{sku}}")


@pytest.mark.parametrize("wrapping", ["... {", "... on Item {", "... @include(if: true) {"])
def test_inline_fragments_cannot_exhaust_the_stack(wrapping):
    with pytest.raises(DocumentTooComplexError, match=r"too deeply|directives"):
        guarded("{" + wrapping * 100 + "sku" + "}" * 101)


def test_a_document_nested_five_thousand_deep_is_refused_by_the_parser():
    with pytest.raises(DocumentSyntaxError):
        guarded("{a" * 5_000 + "}" * 5_000)


@pytest.mark.parametrize(
    "query",
    [
        "{...a} fragment a on Item {...a}",
        "{...a} fragment a on Item {...b} fragment b on Item {related {...a}}",
        "fragment a on Item {...b} fragment b on Item {...a} {sku}",
    ],
)
def test_fragment_cycles_are_refused(query):
    with pytest.raises(DocumentTooComplexError, match="spreads itself"):
        guarded(query)


def test_a_thousand_aliases_are_refused():
    query = "{" + " ".join(f"a{n}: sku" for n in range(600)) + "}"
    with pytest.raises(DocumentTooComplexError, match=r"the limit is 200|600 aliases"):
        guarded(query)
    with pytest.raises(DocumentSyntaxError, match="tokens"):
        guarded("{" + " ".join(f"a{n}: sku" for n in range(1_000)) + "}")


def test_five_hundred_repeated_fields_are_refused():
    with pytest.raises(DocumentTooComplexError, match="500 fields"):
        guarded("{" + "sku " * 500 + "}")


def test_a_thousand_directives_on_one_field_are_refused():
    with pytest.raises(DocumentTooComplexError, match="directives"):
        guarded("{sku " + "@a" * 600 + "}")
    with pytest.raises(DocumentTooComplexError, match="directives"):
        guarded("query q($a: Int " + "@a" * 600 + ") {sku}")


def test_comments_are_bounded():
    with pytest.raises(DocumentSyntaxError, match="comments"):
        guarded("#\n" * 300 + "{sku}")


def test_root_mutation_fields_are_counted_through_fragments():
    fields = " ".join(f"m{n}: itemRename(sku: 1) {{item{{sku}}}}" for n in range(4))
    with pytest.raises(DocumentTooComplexError, match="12 root mutation fields"):
        guarded(f"mutation {{...a ...a ... on Mutation {{...a}}}} fragment a on Mutation {{{fields}}}")


def test_a_fragment_called_like_an_introspection_field_is_a_fragment():
    """A limiter of another system skipped selections by name, and so missed everything in such a fragment."""
    deep = "related {" * 20 + "sku" + "}" * 20
    with pytest.raises(DocumentTooComplexError, match="depth"):
        guarded("{item {...__schema}} fragment __schema on Item {" + deep + "}")
    assert not guarded("{item {...__type}} fragment __type on Item {sku}").introspects


def test_an_alias_called_like_an_introspection_field_is_no_introspection():
    with pytest.raises(DocumentTooComplexError, match="depth"):
        guarded("{__schema: " + nested(20)[1:])


@pytest.mark.parametrize(
    "query",
    [
        "{__schema {types {name}}}",
        '{x: __type(name: "Item") {name}}',
        "{...a} fragment a on Query {... on Query {__schema {types {name}}}}",
        "query a {item {sku}} query b {__schema {types {name}}}",
    ],
)
def test_introspection_is_recognised_wherever_it_stands(query):
    assert guarded(query).introspects


def test_the_usual_introspection_query_fits_its_own_limits():
    assert guarded(get_introspection_query()).introspects


def test_introspection_cannot_be_nested_without_end():
    with pytest.raises(DocumentTooComplexError, match=r"introspection depth|too deeply"):
        guarded("{__schema {types {" + "fields {type {" * 20 + "name" + "}}" * 20 + "}}}")


@pytest.mark.parametrize("literal", ['"\\u0000"', '"\\u{0}"', '"a\\u0000b"'])
def test_nul_written_as_an_escape_in_a_literal_is_refused(literal):
    with pytest.raises(DocumentSyntaxError, match="NUL"):
        guarded(f"{{item(sku: {literal}) {{sku}}}}")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("type A {a: Int}", "no type definitions"),
        ("{sku} {sku}", "operation '' is defined twice"),
        ("{...a} fragment a on Item {sku} fragment a on Item {id}", "fragment 'a' is defined twice"),
        ("", "Unexpected <EOF>"),
        ("{sku", "Expected Name"),
    ],
)
def test_what_is_not_a_request_is_refused(query, told):
    with pytest.raises(DocumentSyntaxError, match=told):
        guarded(query)
