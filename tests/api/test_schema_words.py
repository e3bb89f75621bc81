"""The published schema keeps the API's own conventions."""

import re
from collections.abc import Iterator

from graphql import GraphQLField, GraphQLInputObjectType, GraphQLNonNull, GraphQLObjectType, get_named_type

from hub_graphql.error_codes import CODES
from hub_graphql.schema import schema
from hub_graphql.schema_file import undescribed

CORE = schema._schema
CODE = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")
LISTED = re.compile(r"(?:Errors: |else )(.*)", re.DOTALL)
OTHER_WORDS = {"HANDED_OVER"}


def mutations() -> dict[str, GraphQLField]:
    assert CORE.mutation_type is not None
    fields: dict[str, GraphQLField] = CORE.mutation_type.fields
    return fields


def texts() -> Iterator[tuple[str, str]]:
    """Every description of a field, an argument and an input field, by its coordinate."""
    for owner in CORE.type_map.values():
        for name, field in getattr(owner, "fields", {}).items():
            yield f"{owner.name}.{name}", field.description or ""
            for argument, defined in getattr(field, "args", {}).items():
                yield f"{owner.name}.{name}({argument}:)", defined.description or ""


def test_everything_is_described():
    assert undescribed(schema) == []


def test_every_mutation_takes_its_own_input_and_gives_its_own_payload():
    for name, field in mutations().items():
        title = name[0].upper() + name[1:]
        [(argument, given)] = field.args.items()
        assert (argument, str(given.type)) == ("input", f"{title}Input!")
        assert str(field.type) == f"{title}Payload!"


def test_every_payload_says_what_was_refused_what_to_know_and_whether_it_is_old():
    for field in mutations().values():
        payload = get_named_type(field.type)
        assert isinstance(payload, GraphQLObjectType)
        said = {name: str(payload.fields[name].type) for name in ("errors", "warnings", "replayed")}
        assert said == {"errors": "[Error!]!", "warnings": "[Warning!]!", "replayed": "Boolean!"}


def test_every_input_of_a_mutation_is_keyed_and_names_its_own_object_by_id():
    for name, field in mutations().items():
        given = get_named_type(field.args["input"].type)
        assert isinstance(given, GraphQLInputObjectType)
        assert isinstance(given.fields["idempotencyKey"].type, GraphQLNonNull), name
        changes_one = (
            name.startswith(("order", "reservation", "fulfillmentOrder")) and "errorPolicy" not in given.fields
        )
        if changes_one and not name.endswith(("Create", "Place")):
            assert str(given.fields["id"].type) == "ID!", name


def test_every_mutation_lists_its_errors():
    assert [name for name, field in mutations().items() if "Errors: " not in (field.description or "")] == []


def test_every_error_that_a_description_names_is_a_code_of_the_schema():
    unknown = {
        (coordinate, code)
        for coordinate, text in texts()
        for found in LISTED.findall(text)
        for code in CODE.findall(found)
        if code not in CODES | OTHER_WORDS
    }
    assert unknown == set()


def test_every_input_is_called_one():
    wrong = [
        name
        for name, type_ in CORE.type_map.items()
        if isinstance(type_, GraphQLInputObjectType) and not name.endswith("Input")
    ]
    assert wrong == []
