"""The published schema: complete, explained, and never broken without notice."""

import strawberry

from hub_graphql.fields import field as described
from hub_graphql.schema_file import breaking_changes, print_sdl, undescribed

OLD = """
enum Colour { RED BLUE @deprecated(reason: "use RED") }
type Box { size: Int! old: Lid @deprecated(reason: "use size") }
type Lid { name: String }
type Query {
  box(colour: Colour, tone: Int @deprecated(reason: "unused")): Box
  lost: Int
}
"""


@strawberry.type(description="A box.")
class Box:
    size: int = strawberry.field(description="Its size.")


@strawberry.type(description="Questions.")
class Query:
    @described("A box.")
    def box(self, colour: str | None = None) -> Box | None:  # noqa: ARG002 (only its shape matters)
        return None


def test_what_was_deprecated_may_go_and_nothing_else():
    found = breaking_changes(OLD, strawberry.Schema(Query))
    assert sorted(found) == [
        "Argument Query.box(colour:) has changed type from Colour to String.",
        "Colour was removed.",
        "Field Query.lost was removed.",
    ]


def test_a_schema_does_not_break_itself(schema):
    assert breaking_changes(print_sdl(schema), schema) == []


def test_what_has_no_description_is_named():
    assert undescribed(strawberry.Schema(Query)) == ["Query.box(colour:)"]


def test_everything_the_base_brings_is_described(schema):
    assert undescribed(schema) == []


def test_the_file_is_the_same_each_time(schema):
    text = print_sdl(schema)
    assert text == print_sdl(schema)
    assert text.startswith("# Generated")
    assert "interface Error" in text
    assert "type ItemConnection" in text
