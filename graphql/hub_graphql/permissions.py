"""Who may ask for which field. A root field that declares nothing is open to nobody.

A field declares its scope in its Strawberry metadata. The scopes a document needs are collected when it is
first seen, and compared with the principal's before anything runs, so a refusal has changed nothing.
Row-level rules (this terminal's location, this customer's orders) belong to the features.
"""

from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import GraphQLField, GraphQLObjectType

from hub.kernel.errors import DeniedError
from hub.kernel.principal import Principal, Scope, ScopeMissingError

_SCOPES = "hub.scopes"
_OPEN: tuple[Scope, ...] = ()


def require_scope(scope: Scope, *alternatives: Scope) -> dict[str, Any]:
    """Field metadata: the principal must hold `scope` or one of `alternatives`.

    `@field("…", require_scope(Scope.STOCK_READ))`; see `hub_graphql.fields`.
    """
    return {_SCOPES: (scope, *alternatives)}


def any_principal() -> dict[str, Any]:
    """Field metadata: every authenticated principal may ask; the resolver limits what each one sees."""
    return {_SCOPES: _OPEN}


@dataclass(frozen=True, slots=True)
class Need:
    """One field of a document and the scopes of which one is enough; None when the field declares nothing."""

    coordinate: str
    scopes: tuple[Scope, ...] | None


def authorise(principal: Principal, needs: tuple[Need, ...]) -> None:
    """Raises DeniedError naming the first field that `principal` may not ask for."""
    for need in needs:
        if need.scopes is None:
            raise DeniedError(f"{need.coordinate} is not open to anyone")
        if need.scopes and not any(map(principal.may, need.scopes)):
            wanted = " or ".join(scope.value for scope in need.scopes)
            raise ScopeMissingError(f"{need.coordinate} needs the scope {wanted}, which this credential lacks")


def declared_scopes(field: GraphQLField) -> tuple[Scope, ...] | None:
    """The scopes a field declares, () when any principal may ask, None when it says nothing."""
    scopes: tuple[Scope, ...] | None = field_metadata(field).get(_SCOPES)
    return scopes


def field_metadata(field: GraphQLField) -> dict[Any, Any]:
    definition = field.extensions.get("strawberry-definition")
    return dict(getattr(definition, "metadata", None) or {})


def fields_without_scope(schema: strawberry.Schema) -> list[str]:
    """Coordinates of root fields that declare no scope; a test keeps this list empty."""
    core = schema._schema  # noqa: SLF001 (Strawberry offers no public way to its graphql-core schema)
    roots = (core.query_type, core.mutation_type, core.subscription_type)
    return [
        f"{root.name}.{name}"
        for root in roots
        if isinstance(root, GraphQLObjectType)
        for name, field in root.fields.items()
        if declared_scopes(field) is None
    ]
