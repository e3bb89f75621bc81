"""Documents kept parsed, measured and validated, and the published ones that clients may name by hash."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode, specified_rules, validate
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from hub_graphql import limits
from hub_graphql.cost import SchemaFacts
from hub_graphql.guard import GuardedDocument, guarded
from hub_graphql.plan import Plan, plan_operation
from hub_graphql.refusals import DocumentError

_RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


class InvalidDocumentError(DocumentError):
    """Validation failed; `errors` holds the first few findings."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__("the document does not fit the schema")
        self.errors = errors


class MeasuredDocument:
    """A document that passed the guard. It is validated on first use, once its caller may run it at all."""

    def __init__(self, facts: SchemaFacts, document: GuardedDocument) -> None:
        self.guarded = document
        self._facts = facts
        self._plans: dict[str, Plan] = {}
        self._valid = False

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation called `name`, or the only one. Raises DocumentError when that is not clear."""
        operations = self.guarded.operations
        if name is None:
            if len(operations) != 1:
                raise DocumentError(
                    f"the document has {len(operations)} operations; say which with operationName",
                    path=("operationName",),
                )
            return next(iter(operations.values()))
        if not name or name not in operations:
            raise DocumentError(f"the document has no operation {name[:60]!r}", path=("operationName",))
        return operations[name]

    def plan(self, operation: OperationDefinitionNode) -> Plan:
        name = operation.name.value if operation.name else ""
        if name not in self._plans:
            self._plans[name] = plan_operation(self._facts, self.guarded, operation)
        return self._plans[name]

    @property
    def is_valid(self) -> bool:
        return self._valid

    def validate(self) -> None:
        """Raises InvalidDocumentError; remembers success."""
        if self._valid:
            return
        schema: GraphQLSchema = self._facts.schema
        errors = validate(schema, self.guarded.document, _RULES, max_errors=limits.MAX_ERRORS, hide_suggestions=True)
        if errors:
            raise InvalidDocumentError(errors[: limits.MAX_ERRORS])
        self._valid = True


class DocumentCache:
    """The most recently used valid documents by SHA-256, bounded in number and in tokens.

    Nothing in it depends on who asked: scopes, cost and introspection are judged per request.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        max_documents: int = limits.MAX_CACHED_DOCUMENTS,
        max_tokens: int = limits.MAX_CACHED_TOKENS,
    ) -> None:
        self._facts = SchemaFacts(schema)
        self._max_documents = max_documents
        self._max_tokens = max_tokens
        self._tokens = 0
        self._kept: OrderedDict[str, MeasuredDocument] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def measured(self, query: str) -> MeasuredDocument:
        """The document with this text, from the cache or parsed and measured. Raises as `guarded` does."""
        digest = sha256(query)
        known = self._kept.get(digest)
        if known:
            self._kept.move_to_end(digest)
            return known
        return MeasuredDocument(self._facts, guarded(query))

    def keep(self, query: str, document: MeasuredDocument) -> None:
        """Remember `document` when it is valid; the least recently used make room."""
        digest = sha256(query)
        if not document.is_valid or digest in self._kept:
            return
        self._kept[digest] = document
        self._tokens += document.guarded.tokens
        while len(self._kept) > self._max_documents or self._tokens > self._max_tokens:
            _, dropped = self._kept.popitem(last=False)
            self._tokens -= dropped.guarded.tokens


@dataclass(frozen=True, slots=True)
class TrustedDocument:
    client: str
    name: str
    text: str


class TrustedDocuments:
    """The documents of `operations/<client>/*.graphql`, by the SHA-256 of each file's text."""

    def __init__(self, documents: dict[str, TrustedDocument] | None = None) -> None:
        self._documents = documents or {}

    @classmethod
    def load(cls, folder: Path) -> "TrustedDocuments":
        documents: dict[str, TrustedDocument] = {}
        for path in sorted(folder.glob("*/*.graphql")):
            text = path.read_text(encoding="utf-8")
            documents[sha256(text)] = TrustedDocument(path.parent.name, path.stem, text)
        return cls(documents)

    def __len__(self) -> int:
        return len(self._documents)

    def find(self, digest: str) -> TrustedDocument | None:
        return self._documents.get(digest)


def sha256(text: str) -> str:
    # A lone surrogate was refused with the body; a text from elsewhere must not fail here.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
