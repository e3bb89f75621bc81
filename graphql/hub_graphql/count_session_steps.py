"""The steps of a count session: open, record, recount, apply, cancel."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from hub import inventory
from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.inventory import AdjustmentReason, CountedUnits, DocumentStep, OpenCount
from hub.kernel.principal import Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.count_sessions import SESSION, CountSession, session_node
from hub_graphql.fields import mutation
from hub_graphql.ids import expect_id
from hub_graphql.keyed import settle
from hub_graphql.naming import LocationInput, VariantInput, location_key, variant_names
from hub_graphql.payloads import WHAT_TO_DO, KeyedInput, KeyedPayload, VersionedInput
from hub_graphql.permissions import require_scope
from hub_graphql.stock_reports import StockAdjustmentReason

C = TypeVar("C")


@strawberry.input(description="An article to count.")
class CountVariantInput(VariantInput):
    pass


@strawberry.input(description="What was found of an article.")
class CountedLineInput(VariantInput):
    counted: int = strawberry.field(description="Sellable units found, 0 to 1,000,000,000; else INVALID_QUANTITY.")
    expected_quantity: int | None = strawberry.field(
        default=None, description="Only if onHand still is this many units; else STALE_QUANTITY. Null: whatever it is."
    )
    reason: StockAdjustmentReason | None = strawberry.field(default=None, description="Why it differs, if it does.")


@strawberry.input(description="A location to be counted.")
class CountSessionOpenInput(KeyedInput, LocationInput):
    lines: list[CountVariantInput] = strawberry.field(
        default_factory=list, description="What to count, at most 1,000, else TOO_MANY_LINES; more may be found."
    )
    blind: bool = strawberry.field(default=True, description="Whether counters are not told what is expected.")
    recount_above: int | None = strawberry.field(
        default=None, description="Count a variance of more units again until two counts agree; null: never."
    )


@strawberry.input
class CountSessionInput(VersionedInput):
    id: strawberry.ID = strawberry.field(
        description="The session's global id. Errors: INVALID_ID, COUNT_SESSION_NOT_FOUND."
    )


@strawberry.input(description="What was found.")
class CountSessionRecordInput(CountSessionInput):
    lines: list[CountedLineInput] = strawberry.field(description="What was found; 1 to 1,000, else TOO_MANY_LINES.")


@strawberry.input(description="What to count again.")
class CountSessionRecountInput(CountSessionInput):
    lines: list[CountVariantInput] = strawberry.field(description="The articles; 1 to 1,000, else TOO_MANY_LINES.")


@strawberry.input(description="Which session to book.")
class CountSessionApplyInput(CountSessionInput):
    reason: StockAdjustmentReason | None = strawberry.field(
        default=None, description="Why lines differ that say no reason of their own."
    )


@strawberry.input(description="Which session to end.")
class CountSessionCancelInput(CountSessionInput):
    pass


@strawberry.type
class _Payload(KeyedPayload):
    count_session: CountSession | None = strawberry.field(description="The session as it is now; null if refused.")


@strawberry.type(description="What came of opening a session.")
class CountSessionOpenPayload(_Payload):
    pass


@strawberry.type(description="What came of taking counts down.")
class CountSessionRecordPayload(_Payload):
    pass


@strawberry.type(description="What came of asking for another count.")
class CountSessionRecountPayload(_Payload):
    pass


@strawberry.type(description="What came of booking a session.")
class CountSessionApplyPayload(_Payload):
    pass


@strawberry.type(description="What came of ending a session.")
class CountSessionCancelPayload(_Payload):
    pass


P = TypeVar("P", bound=_Payload)
OpenInput = Annotated[CountSessionOpenInput, WHAT_TO_DO]
RecordInput = Annotated[CountSessionRecordInput, WHAT_TO_DO]
RecountInput = Annotated[CountSessionRecountInput, WHAT_TO_DO]
ApplyInput = Annotated[CountSessionApplyInput, WHAT_TO_DO]
CancelInput = Annotated[CountSessionCancelInput, WHAT_TO_DO]


@strawberry.type
class CountSessionMutation:
    @mutation(
        "Opens a count of a location. Errors: UNKNOWN_SKU, UNKNOWN_LOCATION, TOO_MANY_LINES, INVALID_QUANTITY.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def count_session_open(self, info: Info, input: OpenInput) -> CountSessionOpenPayload:  # noqa: A002
        async def prepare(context: RequestContext) -> OpenCount:
            location_id = await location_key(context, input.location_id, input.location_code)
            return OpenCount(location_id, tuple(variant_names(input.lines)), input.blind, input.recount_above)

        async def run(database: Database, command: OpenCount) -> Answer:
            return await inventory.open_count(
                database, info.context.principal, command, idempotency_key=input.idempotency_key
            )

        return await _settled(info, prepare, run, CountSessionOpenPayload)

    @mutation(
        "Takes down what was found. Errors: COUNT_SESSION_NOT_FOUND, STALE_VERSION, INVALID_TRANSITION, "
        "STALE_QUANTITY, UNKNOWN_SKU, INVALID_QUANTITY, TOO_MANY_LINES.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def count_session_record(self, info: Info, input: RecordInput) -> CountSessionRecordPayload:  # noqa: A002
        async def run(database: Database, step: DocumentStep) -> Answer:
            counts = [
                CountedUnits(name, line.counted, line.expected_quantity, _reason(line.reason))
                for name, line in zip(variant_names(input.lines), input.lines, strict=True)
            ]
            return await inventory.record_counts(database, info.context.principal, step, counts)

        return await _settled(info, partial(_step, input), run, CountSessionRecordPayload)

    @mutation(
        "Asks for another count. Errors: COUNT_SESSION_NOT_FOUND, STALE_VERSION, INVALID_TRANSITION, UNKNOWN_SKU, "
        "TOO_MANY_LINES.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def count_session_recount(self, info: Info, input: RecountInput) -> CountSessionRecountPayload:  # noqa: A002
        async def run(database: Database, step: DocumentStep) -> Answer:
            names = variant_names(input.lines)
            return await inventory.ask_for_recount(database, info.context.principal, step, names)

        return await _settled(info, partial(_step, input), run, CountSessionRecountPayload)

    @mutation(
        "Books what was counted. Where stock moved since, the article is to be counted again. Errors: "
        "COUNT_SESSION_NOT_FOUND, STALE_VERSION, INVALID_TRANSITION, REASON_REQUIRED.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def count_session_apply(self, info: Info, input: ApplyInput) -> CountSessionApplyPayload:  # noqa: A002
        async def run(database: Database, step: DocumentStep) -> Answer:
            return await inventory.apply_count(database, info.context.principal, step, reason=_reason(input.reason))

        return await _settled(info, partial(_step, input), run, CountSessionApplyPayload)

    @mutation(
        "Ends a session; what was booked stays. Errors: COUNT_SESSION_NOT_FOUND, STALE_VERSION, INVALID_TRANSITION.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def count_session_cancel(self, info: Info, input: CancelInput) -> CountSessionCancelPayload:  # noqa: A002
        async def run(database: Database, step: DocumentStep) -> Answer:
            return await inventory.cancel_count(database, info.context.principal, step)

        return await _settled(info, partial(_step, input), run, CountSessionCancelPayload)


async def _step(given: CountSessionInput, _context: RequestContext) -> DocumentStep:
    return DocumentStep(expect_id(SESSION, given.id), given.idempotency_key, given.expected_version)


async def _settled(
    info: Info,
    prepare: Callable[[RequestContext], Awaitable[C]],
    run: Callable[[Database, C], Awaitable[Answer]],
    payload: type[P],
) -> P:
    settled = await settle(info, prepare, run)
    row = None
    if settled.outcome is not None:
        row = await info.context.load(inventory.count_sessions_by_ids, UUID(settled.outcome["document_id"]))
    return payload(settled=settled, count_session=session_node(row) if row else None)


def _reason(given: StockAdjustmentReason | None) -> AdjustmentReason | None:
    return AdjustmentReason[given.name] if given else None
