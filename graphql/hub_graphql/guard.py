"""The check that runs on a parsed document before anything else walks it.

Most depth or alias limiters visit a fragment once per spread, so twenty fragments that each spread the next
one twice cost a million visits. Here every fragment is measured once, after those it spreads, and its
measurements are added where it is spread. The work is linear in the document's tokens.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    TokenKind,
    parse,
)

from hub_graphql import limits
from hub_graphql.refusals import DocumentSyntaxError, DocumentTooComplexError

INTROSPECTION_FIELDS = frozenset({"__schema", "__type"})

_Definition = TypeVar("_Definition", OperationDefinitionNode, FragmentDefinitionNode)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a selection set asks for with every fragment written out.

    Fields below `__schema` and `__type` are counted apart: they have limits of their own. Only a *field* of
    that name counts as introspection; a fragment called `__schema` is a fragment like any other.
    """

    root_fields: int = 0
    fields: int = 0
    depth: int = 0
    aliases: int = 0
    directives: int = 0
    introspection_fields: int = 0
    introspection_depth: int = 0

    def beside(self, other: "Shape") -> "Shape":
        return Shape(
            self.root_fields + other.root_fields,
            self.fields + other.fields,
            max(self.depth, other.depth),
            self.aliases + other.aliases,
            self.directives + other.directives,
            self.introspection_fields + other.introspection_fields,
            max(self.introspection_depth, other.introspection_depth),
        )


@dataclass(frozen=True, slots=True)
class GuardedDocument:
    """A document within every structural limit. `visits` counts the selections measured."""

    document: DocumentNode
    operations: dict[str, OperationDefinitionNode]
    fragments: dict[str, FragmentDefinitionNode]
    tokens: int
    visits: int
    introspects: bool


def guarded(query: str) -> GuardedDocument:
    """Parse and measure `query`. Raises DocumentSyntaxError or DocumentTooComplexError."""
    document = _parse(query)
    tokens = _count_tokens(document, has_escapes="\\" in query)
    operations, fragments = _definitions(document)
    ruler = _Ruler(fragments)
    shapes = [ruler.measure_fragment(name) for name in _innermost_first(fragments)]
    for operation in operations.values():
        shape = ruler.measure_definition(operation)
        if operation.operation is OperationType.MUTATION:
            _refuse_above("root mutation fields", shape.root_fields, limits.MAX_ROOT_MUTATIONS)
        shapes.append(shape)
    introspects = any(shape.introspection_fields for shape in shapes)
    return GuardedDocument(document, operations, fragments, tokens, ruler.visits, introspects)


def _parse(query: str) -> DocumentNode:
    try:
        return parse(
            query,
            max_lexical_tokens=limits.MAX_TOKENS,
            max_comments=limits.MAX_COMMENTS,
            max_source_length=limits.MAX_BODY_BYTES,
        )
    except GraphQLError as error:
        raise DocumentSyntaxError(error.message[: limits.MAX_MESSAGE_LENGTH]) from None


def _count_tokens(document: DocumentNode, *, has_escapes: bool) -> int:
    """The number of tokens. Refuses NUL in string literals, which only an escape can write."""
    count = 0
    token = document.loc.start_token if document.loc else None
    while token is not None:
        count += 1
        if has_escapes and token.kind is TokenKind.STRING and "\0" in (token.value or ""):
            raise DocumentSyntaxError("a string holds the character NUL, which cannot be stored")
        token = token.next
    return count


def _definitions(
    document: DocumentNode,
) -> tuple[dict[str, OperationDefinitionNode], dict[str, FragmentDefinitionNode]]:
    _refuse_above("definitions", len(document.definitions), limits.MAX_DEFINITIONS)
    operations: dict[str, OperationDefinitionNode] = {}
    fragments: dict[str, FragmentDefinitionNode] = {}
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            _add_once(operations, definition.name.value if definition.name else "", definition, "operation")
        elif isinstance(definition, FragmentDefinitionNode):
            _add_once(fragments, definition.name.value, definition, "fragment")
        else:
            raise DocumentSyntaxError("a request may hold operations and fragments only, no type definitions")
    return operations, fragments


def _add_once(known: dict[str, _Definition], name: str, definition: _Definition, what: str) -> None:
    if name in known:
        raise DocumentSyntaxError(f"the {what} {name!r} is defined twice")
    known[name] = definition


def _innermost_first(fragments: dict[str, FragmentDefinitionNode]) -> list[str]:
    """Fragment names ordered so that each comes after all it spreads. Refuses a cycle."""
    spreads = {name: _spread_names(fragment.selection_set) for name, fragment in fragments.items()}
    done: dict[str, None] = {}
    for root in fragments:
        path = [root] if root not in done else []
        while path:
            waiting = [name for name in spreads[path[-1]] if name in fragments and name not in done]
            if not waiting:
                done[path.pop()] = None
            elif waiting[0] in path:
                raise DocumentTooComplexError(f"the fragment {waiting[0]!r} spreads itself")
            else:
                path.append(waiting[0])
    return list(done)


def _spread_names(selection_set: SelectionSetNode) -> list[str]:
    names: dict[str, None] = {}
    pending: list[SelectionNode] = list(selection_set.selections)
    while pending:
        selection = pending.pop()
        if isinstance(selection, FragmentSpreadNode):
            names[selection.name.value] = None
        elif isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set:
            pending.extend(selection.selection_set.selections)
    return list(names)


class _Ruler:
    """Measures definitions; each fragment once."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self.visits = 0
        self._fragments = fragments
        self._shapes: dict[str, Shape] = {}

    def measure_fragment(self, name: str) -> Shape:
        shape = self._shapes[name] = self.measure_definition(self._fragments[name])
        return shape

    def measure_definition(self, definition: OperationDefinitionNode | FragmentDefinitionNode) -> Shape:
        """The shape of one definition, refused as soon as it breaks a limit."""
        own = Shape(directives=_directives(definition))
        shape = own.beside(self._measure(definition.selection_set, limits.MAX_INTROSPECTION_DEPTH * 2))
        _refuse_above("levels of depth", shape.depth, limits.MAX_DEPTH)
        _refuse_above("fields", shape.fields, limits.MAX_FIELDS)
        _refuse_above("aliases", shape.aliases, limits.MAX_ALIASES)
        _refuse_above("directives", shape.directives, limits.MAX_DIRECTIVES)
        _refuse_above("introspection fields", shape.introspection_fields, limits.MAX_INTROSPECTION_FIELDS)
        _refuse_above("introspection depth", shape.introspection_depth, limits.MAX_INTROSPECTION_DEPTH)
        return shape

    def _measure(self, selection_set: SelectionSetNode, room: int) -> Shape:
        """`room` bounds the recursion, inline fragments included, whatever the selections are called."""
        if room == 0:
            raise DocumentTooComplexError("the document nests selections too deeply")
        total = Shape()
        for selection in selection_set.selections:
            self.visits += 1
            total = total.beside(self._measure_selection(selection, room))
        return total

    def _measure_selection(self, selection: SelectionNode, room: int) -> Shape:
        own = Shape(directives=_directives(selection))
        if isinstance(selection, FragmentSpreadNode):
            # An unknown fragment is left to validation, which names it.
            return own.beside(self._shapes.get(selection.name.value, Shape()))
        if isinstance(selection, InlineFragmentNode):
            return own.beside(self._measure(selection.selection_set, room - 1))
        assert isinstance(selection, FieldNode)  # noqa: S101 (the grammar has three kinds of selection)
        below = self._measure(selection.selection_set, room - 1) if selection.selection_set else Shape()
        return own.beside(_field_shape(selection, below))


def _field_shape(field: FieldNode, below: Shape) -> Shape:
    aliases = below.aliases + (field.alias is not None)
    if field.name.value in INTROSPECTION_FIELDS:
        return Shape(
            root_fields=1,
            fields=1,
            depth=1,
            aliases=aliases,
            directives=below.directives,
            introspection_fields=1 + below.fields + below.introspection_fields,
            introspection_depth=1 + max(below.depth, below.introspection_depth),
        )
    return Shape(
        root_fields=1,
        fields=1 + below.fields,
        depth=1 + below.depth,
        aliases=aliases,
        directives=below.directives,
        introspection_fields=below.introspection_fields,
        introspection_depth=below.introspection_depth,
    )


def _directives(node: SelectionNode | OperationDefinitionNode | FragmentDefinitionNode) -> int:
    own = len(node.directives or ())
    variables: Iterable[object] = getattr(node, "variable_definitions", None) or ()
    return own + sum(len(getattr(variable, "directives", None) or ()) for variable in variables)


def _refuse_above(what: str, count: int, limit: int) -> None:
    if count > limit:
        shown = str(count) if count < limit * 1_000 else f"over {limit * 1_000}"
        raise DocumentTooComplexError(f"the document has {shown} {what}; the limit is {limit}")
