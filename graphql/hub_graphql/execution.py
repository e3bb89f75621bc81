"""From a request to its response: guard, price, authorise, validate once, execute on graphql-core.

Strawberry builds the schema and its resolvers; its request pipeline is not used, because it parses and
validates every request anew and walks documents before they are measured.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

import strawberry
from graphql import ExecutionResult, OperationDefinitionNode, OperationType, execute, subscribe
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from hub.kernel.errors import HubError
from hub.kernel.principal import Principal, Scope
from hub_graphql import limits
from hub_graphql.context import RequestContext
from hub_graphql.cost import charge
from hub_graphql.documents import DocumentCache, MeasuredDocument, TrustedDocuments, sha256
from hub_graphql.faults import faulted, present, refused
from hub_graphql.permissions import authorise
from hub_graphql.refusals import (
    DeadlineExceededError,
    IntrospectionRefusedError,
    PersistedQueryNotFoundError,
    RefusalError,
    UntrustedDocumentError,
)
from hub_graphql.strict_json import GraphQLRequest

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that its caller may run, guarded, priced and valid."""

    document: MeasuredDocument
    definition: OperationDefinitionNode
    variables: dict[str, Any]
    cost: int

    @property
    def kind(self) -> OperationType:
        return self.definition.operation


class _Executor(ExecutorThrowingOnIncremental):
    """Graphql-core's plain executor with the resolve info that Strawberry's resolvers expect."""

    operation_extensions = None
    build_resolve_info = StrawberryGraphQLCoreExecutionContext.build_resolve_info


class Engine:
    """Runs operations on one schema. Made once per process; holds the document cache."""

    def __init__(self, schema: strawberry.Schema, trusted: TrustedDocuments | None = None) -> None:
        self.schema = schema
        self._core = schema._schema  # noqa: SLF001 (Strawberry offers no public way to it)
        self._trusted = trusted or TrustedDocuments()
        self.documents = DocumentCache(self._core)

    def prepare(self, request: GraphQLRequest, principal: Principal) -> Operation:
        """Decide whether `principal` may run `request`. Raises a RefusalError or InvalidDocumentError; cheapest
        checks first, and nothing walks the document before the guard has bounded it.
        """
        text = self._text(request, principal)
        document = self.documents.measured(text)
        if document.guarded.introspects and not principal.may(Scope.INTROSPECTION):
            raise IntrospectionRefusedError("introspection is open to staff and development credentials only")
        definition = document.operation(request.operation_name)
        plan = document.plan(definition)
        cost = charge(plan.price, request.variables)
        authorise(principal, plan.needs)
        document.validate()
        self.documents.keep(text, document)
        return Operation(document, definition, request.variables, cost)

    async def run(
        self, operation: Operation, context: RequestContext, *, seconds: float = limits.REQUEST_SECONDS
    ) -> Payload:
        """The response of a query or mutation. Never raises for what happens inside; closes the context."""
        try:
            async with asyncio.timeout(seconds):
                result = await self._execute(operation, context)
        except TimeoutError:
            error = DeadlineExceededError(f"the request took longer than {seconds:g} seconds and was stopped")
            return {"data": None, "errors": refused(error, context.request_id), **_cost(operation)}
        except Exception as error:  # noqa: BLE001 (the one mask for faults)
            return {"data": None, "errors": faulted(error, context.request_id), **_cost(operation)}
        finally:
            await context.close()
        return _payload(result, operation, context)

    async def stream(self, operation: Operation, context: RequestContext) -> AsyncGenerator[Payload, None]:
        """The responses of a subscription. What one event read is forgotten before the next."""
        try:
            source = await self._subscribe(operation, context)
            if isinstance(source, ExecutionResult):
                yield _payload(source, operation, context)
                return
            async with aclosing(source) as results:  # type: ignore[type-var]
                async for result in results:
                    payload = _payload(result, operation, context)
                    await context.refresh()
                    yield payload
        except HubError as error:
            yield {"data": None, "errors": refused(error, context.request_id)}
        except Exception as error:  # noqa: BLE001 (the one mask for faults)
            yield {"data": None, "errors": faulted(error, context.request_id)}
        finally:
            await context.close()

    def _text(self, request: GraphQLRequest, principal: Principal) -> str:
        digest = request.document_hash
        if principal.trusted_documents_only and request.query is not None:
            raise UntrustedDocumentError(
                "this credential sends only published documents: name one by the SHA-256 of its text"
            )
        if request.query is not None:
            if digest is not None and digest != sha256(request.query):
                raise RefusalError("the hash does not belong to the query that came with it", path=("extensions",))
            return request.query
        found = self._trusted.find(digest) if digest else None
        if found is None:
            raise PersistedQueryNotFoundError("no published document has this hash")
        return found.text

    async def _execute(self, operation: Operation, context: RequestContext) -> ExecutionResult:
        outcome = execute(
            self._core,
            operation.document.guarded.document,
            **_arguments(operation, context),
            is_awaitable=cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", optimized_is_awaitable),
        )
        return outcome if isinstance(outcome, ExecutionResult) else await outcome

    async def _subscribe(
        self, operation: Operation, context: RequestContext
    ) -> AsyncIterator[ExecutionResult] | ExecutionResult:
        outcome = subscribe(self._core, operation.document.guarded.document, **_arguments(operation, context))
        return await outcome if isinstance(outcome, Awaitable) else outcome


def _arguments(operation: Operation, context: RequestContext) -> dict[str, Any]:
    """What every operation is run with, whether it answers once or streams."""
    return {
        "context_value": context,
        "variable_values": operation.variables,
        "operation_name": operation.definition.name.value if operation.definition.name else None,
        "max_coercion_errors": limits.MAX_ERRORS,
        "executor_class": _Executor,
        "hide_suggestions": True,
    }


def _payload(result: ExecutionResult, operation: Operation, context: RequestContext) -> Payload:
    payload: Payload = {"data": result.data}
    if result.errors:
        payload["errors"] = present(result.errors, context.request_id)
    payload |= _cost(operation)
    payload["extensions"] |= context.extensions
    return payload


def _cost(operation: Operation) -> Payload:
    return {"extensions": {"cost": {"requested": operation.cost, "limit": limits.MAX_COST}}}
