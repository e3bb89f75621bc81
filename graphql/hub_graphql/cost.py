"""What a document may cost, known before it runs.

`points` counts the objects it may resolve (lists multiply, page by page), `values` counts every field of
every such object. A selection's price does not depend on where it is spread, so it is computed once per
document, as constants plus terms that wait for a variable, and each request only fills in its variables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
)

from hub.kernel.principal import Scope
from hub_graphql import limits
from hub_graphql.permissions import declared_scopes, field_metadata
from hub_graphql.refusals import CostExceededError

_COST = "hub.cost"
_PAGE_ARGUMENTS = ("first", "last")
_MOST = 10**9


@dataclass(frozen=True, slots=True)
class Cost:
    """How a field says what it costs: see `cost`."""

    weight: int | None = None
    assumed_size: int | None = None
    size_argument: str | None = None


def cost(
    *, weight: int | None = None, assumed_size: int | None = None, size_argument: str | None = None
) -> dict[str, Any]:
    """Field metadata: `weight` points per object (default 1; 0 for leaves; 10 for mutations), `assumed_size`
    items in a list without paging arguments, `size_argument` the argument whose length sizes the list.

    `@field("…", require_scope(Scope.STOCK_READ), cost(size_argument="skus"))`
    """
    return {_COST: Cost(weight, assumed_size, size_argument)}


@dataclass(frozen=True, slots=True)
class Size:
    """How many objects stand below a field: the largest of what its size arguments say, else `fallback`.

    `written` is the largest size in the document itself; a variable holds a page size, or a list that counts.
    """

    fallback: int
    written: int | None = None
    variables: tuple[str, ...] = ()

    def value(self, variables: Mapping[str, Any]) -> int:
        given = [_size_of_value(variables.get(name)) for name in self.variables]
        known = [size for size in (self.written, *given) if size is not None]
        return max(known, default=self.fallback)

    def joined(self, other: "Size") -> "Size":
        """The size when two size arguments are given."""
        known = [size for size in (self.written, other.written) if size is not None]
        return Size(max(self.fallback, other.fallback), max(known, default=None), self.variables + other.variables)


def _size_of_value(value: Any) -> int | None:
    if isinstance(value, list):
        return len(value)
    # GraphQL reads 100.0 as the Int 100.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return min(_MOST, max(0, int(value)))
    return None


@dataclass(frozen=True, slots=True)
class Price:
    """`points` and `values` that are certain, plus prices times a size known only with the variables."""

    points: int = 0
    values: int = 0
    terms: tuple[tuple[Size, "Price"], ...] = ()

    def beside(self, other: "Price") -> "Price":
        return Price(self.points + other.points, self.values + other.values, self.terms + other.terms)

    def times(self, size: Size) -> "Price":
        if size.variables or self.terms:
            return Price(terms=((size, self),))
        count = size.value({})
        return Price(self.points * count, self.values * count)

    def total(self, variables: Mapping[str, Any]) -> tuple[int, int]:
        """(points, values) for one request."""
        points, values = self.points, self.values
        for size, price in self.terms:
            count = size.value(variables)
            inner_points, inner_values = price.total(variables)
            points += count * inner_points
            values += count * inner_values
        return points, values


def charge(price: Price, variables: Mapping[str, Any]) -> int:
    """The points of one request. Raises CostExceededError beyond MAX_COST points or MAX_VALUES values."""
    points, values = price.total(variables)
    if points > limits.MAX_COST:
        raise CostExceededError(
            f"the document may cost {points} points and the limit is {limits.MAX_COST}; "
            "ask for smaller pages (first, last) or fewer nested lists",
            requested=points,
            limit=limits.MAX_COST,
        )
    if values > limits.MAX_VALUES:
        raise CostExceededError(
            f"the document may return {values} values and the limit is {limits.MAX_VALUES}; "
            "ask for smaller pages or fewer fields",
            requested=points,
            limit=limits.MAX_COST,
        )
    return points


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """What pricing and authorisation need to know about a field of the schema."""

    coordinate: str
    returns: str | None
    weight: int
    default_size: int
    page_arguments: tuple[str, ...]
    size_argument: str | None
    scopes: tuple[tuple[Scope, ...], ...]
    declares_scope: bool


class SchemaFacts:
    """Facts about every field of a schema, computed once."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
        self.root_names = frozenset(root.name for root in roots if root)
        self._fields: dict[tuple[str, str], FieldFacts] = {}
        for type_ in schema.type_map.values():
            if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
                for name, field in type_.fields.items():
                    self._fields[type_.name, name] = self._facts(type_, name, field)

    def field(self, type_name: str | None, name: str) -> FieldFacts | None:
        return self._fields.get((type_name, name)) if type_name else None

    def knows(self, type_name: str) -> bool:
        return type_name in self.schema.type_map

    def _facts(self, owner: GraphQLObjectType | GraphQLInterfaceType, name: str, field: GraphQLField) -> FieldFacts:
        declared: Cost = field_metadata(field).get(_COST, Cost())
        named = get_named_type(field.type)
        paged = tuple(argument for argument in _PAGE_ARGUMENTS if argument in field.args)
        return FieldFacts(
            coordinate=f"{owner.name}.{name}",
            returns=named.name if is_composite_type(named) else None,
            weight=self._weight(owner, name, named, declared),
            default_size=_default_size(owner, field, declared, paged),
            page_arguments=paged,
            size_argument=declared.size_argument,
            scopes=self._scopes(owner, name, field),
            declares_scope=declared_scopes(field) is not None,
        )

    def _weight(
        self,
        owner: GraphQLObjectType | GraphQLInterfaceType,
        name: str,
        named: GraphQLNamedType,
        declared: Cost,
    ) -> int:
        if declared.weight is not None:
            return declared.weight
        if owner is self.schema.mutation_type:
            return limits.MUTATION_WEIGHT
        if not is_composite_type(named) or (_is_connection(owner) and name in {"edges", "pageInfo"}):
            return 0
        return 1

    def _scopes(
        self, owner: GraphQLObjectType | GraphQLInterfaceType, name: str, field: GraphQLField
    ) -> tuple[tuple[Scope, ...], ...]:
        """Scopes of the field itself and, through an interface, of every implementation of it."""
        fields = [field]
        if isinstance(owner, GraphQLInterfaceType):
            implementations = self.schema.get_implementations(owner)
            fields += [type_.fields[name] for type_ in implementations.objects]
        declared = {declared_scopes(one) for one in fields}
        return tuple(sorted(scopes for scopes in declared if scopes))


def _default_size(
    owner: GraphQLObjectType | GraphQLInterfaceType,
    field: GraphQLField,
    declared: Cost,
    paged: tuple[str, ...],
) -> int:
    if declared.assumed_size is not None:
        return declared.assumed_size
    if paged:
        return limits.DEFAULT_PAGE_SIZE
    # A connection's own lists are sized where the connection was asked for.
    return limits.DEFAULT_LIST_SIZE if _is_list(field) and not _is_connection(owner) else 1


def _is_list(field: GraphQLField) -> bool:
    type_ = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    return isinstance(type_, GraphQLList)


def _is_connection(type_: GraphQLObjectType | GraphQLInterfaceType) -> bool:
    return {"edges", "pageInfo"} <= set(type_.fields)
