"""The published schema: written, compared with what was promised, searched for what it does not explain."""

import re
from collections.abc import Iterator
from typing import Any

import strawberry
from graphql import (
    BreakingChangeType,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    get_named_type,
    is_introspection_type,
    is_specified_scalar_type,
)
from graphql.utilities import BreakingChange

# The schema coordinate in the description of a change: Type, Type.member or Type.field(argument:).
_COORDINATE = re.compile(r"(?:Field |Enum value |Argument |^)(\w+)(?:\.(\w+))?(?:\((\w+):\))? was removed")
_HEADER = "# Generated from the code by `make schema`; do not edit.\n\n"


def print_sdl(schema: strawberry.Schema) -> str:
    """The text of graphql/schema.graphql."""
    return f"{_HEADER}{schema.as_str().strip()}\n"


def breaking_changes(committed_sdl: str, schema: strawberry.Schema) -> list[str]:
    """What clients of the committed schema would lose. What it already called deprecated may go."""
    committed = build_schema(committed_sdl)
    changes = find_breaking_changes(committed, _core(schema))
    return [change.description for change in changes if not _was_deprecated(committed, change)]


def undescribed(schema: strawberry.Schema) -> list[str]:
    """Coordinates of every type, field, argument and enum value without a description."""
    return [
        coordinate
        for type_ in _core(schema).type_map.values()
        if not is_introspection_type(type_) and not is_specified_scalar_type(type_)
        for coordinate, description in _described(type_)
        if not (description or "").strip()
    ]


def _described(type_: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    yield type_.name, type_.description
    if isinstance(type_, GraphQLEnumType):
        for name, value in type_.values.items():
            yield f"{type_.name}.{name}", value.description
    if isinstance(type_, GraphQLInputObjectType):
        for name, input_field in type_.fields.items():
            yield f"{type_.name}.{name}", input_field.description
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in type_.fields.items():
            yield f"{type_.name}.{name}", field.description
            for argument_name, argument in field.args.items():
                yield f"{type_.name}.{name}({argument_name}:)", argument.description


def _was_deprecated(committed: GraphQLSchema, change: BreakingChange) -> bool:
    """Whether the removed thing carried @deprecated in the committed schema."""
    match = _COORDINATE.search(change.description)
    if match is None:
        return False
    type_name, member, argument = match.groups()
    type_ = committed.type_map.get(type_name)
    if change.type is BreakingChangeType.TYPE_REMOVED:
        return _only_deprecated_fields_return(committed, type_name)
    if change.type is BreakingChangeType.VALUE_REMOVED_FROM_ENUM:
        return _is_deprecated(getattr(type_, "values", {}).get(member))
    field = getattr(type_, "fields", {}).get(member)
    if change.type is BreakingChangeType.FIELD_REMOVED:
        return _is_deprecated(field)
    if change.type is BreakingChangeType.ARG_REMOVED:
        return _is_deprecated(getattr(field, "args", {}).get(argument))
    return False


def _is_deprecated(part: Any) -> bool:
    return getattr(part, "deprecation_reason", None) is not None


def _only_deprecated_fields_return(committed: GraphQLSchema, type_name: str) -> bool:
    uses = [
        field.deprecation_reason
        for type_ in committed.type_map.values()
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        for field in type_.fields.values()
        if get_named_type(field.type).name == type_name
    ]
    return bool(uses) and all(reason is not None for reason in uses)


def _core(schema: strawberry.Schema) -> GraphQLSchema:
    return schema._schema  # noqa: SLF001 (Strawberry offers no public way to it)
