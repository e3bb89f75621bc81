"""What each operation of a document needs: the scopes of its fields and its price."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

from hub_graphql.cost import FieldFacts, Price, SchemaFacts, Size
from hub_graphql.guard import INTROSPECTION_FIELDS, GuardedDocument
from hub_graphql.permissions import Need

_FREE = frozenset({"__typename"})
_INTROSPECTION_POINTS = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """Collected once per document; compared with each principal and each request's variables."""

    price: Price
    needs: tuple[Need, ...]


def plan_operation(facts: SchemaFacts, guarded: GuardedDocument, operation: OperationDefinitionNode) -> Plan:
    """The plan of one operation of a guarded document. Tolerates what validation will refuse."""
    planner = _Planner(facts, guarded.fragments, _defaults(operation))
    root = facts.schema.get_root_type(operation.operation)
    price = planner.price(operation.selection_set, root.name if root else None)
    return Plan(price, tuple(planner.needs.values()))


class _Planner:
    """Walks one operation with every fragment written out, which the guard has bounded."""

    def __init__(
        self,
        facts: SchemaFacts,
        fragments: Mapping[str, FragmentDefinitionNode],
        defaults: Mapping[str, ValueNode],
    ) -> None:
        self.needs: dict[str, Need] = {}
        self._facts = facts
        self._fragments = fragments
        self._defaults = defaults

    def price(self, selection_set: SelectionSetNode, type_name: str | None) -> Price:
        total = Price()
        for selection in selection_set.selections:
            total = total.beside(self._selection(selection, type_name))
        return total

    def _selection(self, selection: SelectionNode, type_name: str | None) -> Price:
        if isinstance(selection, FieldNode):
            return self._field(selection, type_name)
        if isinstance(selection, InlineFragmentNode):
            condition = selection.type_condition.name.value if selection.type_condition else type_name
            return self.price(selection.selection_set, condition)
        fragment = self._fragments.get(selection.name.value) if isinstance(selection, FragmentSpreadNode) else None
        if fragment is None:
            return Price()
        return self.price(fragment.selection_set, fragment.type_condition.name.value)

    def _field(self, node: FieldNode, type_name: str | None) -> Price:
        name = node.name.value
        if name in INTROSPECTION_FIELDS:
            return Price(points=_INTROSPECTION_POINTS)
        if name in _FREE:
            return Price(values=1)
        facts = self._facts.field(type_name, name)
        if facts:
            self._remember(facts, type_name)
        below = self.price(node.selection_set, facts.returns if facts else None) if node.selection_set else Price()
        return _field_price(node, facts, below, self._defaults)

    def _remember(self, facts: FieldFacts, type_name: str | None) -> None:
        if type_name in self._facts.root_names and not facts.declares_scope:
            self.needs[facts.coordinate] = Need(facts.coordinate, None)
        for scopes in facts.scopes:
            key = f"{facts.coordinate} {' '.join(scopes)}"
            self.needs[key] = Need(facts.coordinate, scopes)


def _field_price(node: FieldNode, facts: FieldFacts | None, below: Price, defaults: Mapping[str, ValueNode]) -> Price:
    if facts is None:
        return Price(points=1, values=1).beside(below)
    size = _size(node, facts, defaults)
    if facts.page_arguments:
        # The connection itself is one object; what it holds is multiplied.
        return Price(points=facts.weight, values=1).beside(below.times(size))
    return Price(points=facts.weight, values=1).beside(below).times(size)


def _size(node: FieldNode, facts: FieldFacts, defaults: Mapping[str, ValueNode]) -> Size:
    wanted = (*facts.page_arguments, *((facts.size_argument,) if facts.size_argument else ()))
    size = Size(facts.default_size)
    for argument in node.arguments or ():
        if argument.name.value in wanted:
            size = size.joined(_size_of(argument.value, facts.default_size, defaults))
    return size


def _size_of(value: ValueNode, fallback: int, defaults: Mapping[str, ValueNode]) -> Size:
    if isinstance(value, VariableNode):
        default = defaults.get(value.name.value)
        written = _size_of(default, fallback, {}).written if default else None
        return Size(fallback, written, (value.name.value,))
    if isinstance(value, IntValueNode):
        # Ten digits are beyond every limit, and keep the arithmetic small.
        return Size(fallback, max(0, int(value.value[:10])))
    if isinstance(value, ListValueNode):
        return Size(fallback, len(value.values))
    return Size(fallback)


def _defaults(operation: OperationDefinitionNode) -> dict[str, ValueNode]:
    return {
        definition.variable.name.value: definition.default_value
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }
