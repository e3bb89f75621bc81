"""RFID read sessions and the counts that they propose. Readers post their tags over REST: see the guide."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub import rfid
from hub.channels import views as channels
from hub.infra.database import Database
from hub.infra.idempotency import Answer, ReplayedRefusal
from hub.kernel.errors import ErrorKind, InvalidInputError
from hub.kernel.principal import Scope
from hub.rfid import repository
from hub_graphql.context import Info, RequestContext
from hub_graphql.errors import Error, to_error
from hub_graphql.fields import field, mutation
from hub_graphql.ids import expect_id, expect_id_or_none, global_id
from hub_graphql.inventory import require_locations
from hub_graphql.keyed import settle
from hub_graphql.locations import Location, load_location
from hub_graphql.pagination import Connection, connect, cursor_scope, page
from hub_graphql.paging_arguments import After, Before, First, Last
from hub_graphql.payloads import WHAT_TO_DO, KeyedInput, KeyedPayload
from hub_graphql.permissions import require_scope
from hub_graphql.products import Variant, load_variant
from hub_graphql.words import known, shown

MAX_NAMED = 100

SomeLocations = Annotated[
    list[strawberry.ID] | None,
    strawberry.argument(description="Only these locations, by id, at most 100. Null: all that the caller may see."),
]
OneSession = Annotated[strawberry.ID | None, strawberry.argument(description="Only this session, by id.")]


@strawberry.enum(description="What tags are read for.")
class RfidPurpose(Enum):
    COUNT = enum_value("COUNT", description="To count the location's stock.")
    DISPATCH = enum_value("DISPATCH", description="To check what leaves.")
    RECEIPT = enum_value("RECEIPT", description="To check what arrives.")


@strawberry.enum(description="Where a read session stands.")
class RfidSessionStatus(Enum):
    OPEN = enum_value("OPEN", description="It takes tags.")
    CLOSED = enum_value("CLOSED", description="What was read has been compared with what was expected.")
    EXPIRED = enum_value("EXPIRED", description="Nobody closed it within four hours.")


@strawberry.type(description="One sweep of a location by RFID readers.")
class RfidSession:
    location_key: strawberry.Private[UUID]
    id: strawberry.ID = strawberry.field(description="The global id.")
    session_id: str = strawberry.field(description="The UUID that readers use over REST.")
    purpose: RfidPurpose | None = strawberry.field(description="What for; null for a newer word.")
    status: RfidSessionStatus | None = strawberry.field(description="Where it stands; null for a newer word.")
    transfer_id: str | None = strawberry.field(description="The UUID of what is dispatched or received.")
    tags: int = strawberry.field(description="Items read, each once.")
    lines: int = strawberry.field(description="Variants that were compared, or announced while it is open.")
    differences: int = strawberry.field(description="Variants of which more or fewer items were read than expected.")
    opened_at: datetime = strawberry.field(description="When it was opened.")
    expires_at: datetime = strawberry.field(description="When it stops taking tags.")
    closed_at: datetime | None = strawberry.field(description="When it was closed; null: it was not.")

    @field("Where tags are read.")
    async def location(self, info: Info) -> Location | None:
        return await load_location(info.context, self.location_key)


@strawberry.type(description="A number that a sweep proposes for a level, and that nobody has applied. Units.")
class CountProposal:
    variant_key: strawberry.Private[UUID]
    location_key: strawberry.Private[UUID]
    session_id: strawberry.ID = strawberry.field(description="The global id of the session.")
    expected: int = strawberry.field(description="What should lie there: sellable, damaged and under inspection.")
    read: int = strawberry.field(description="Items whose tags were read.")
    difference: int = strawberry.field(description="read - expected.")
    expected_quantity: int = strawberry.field(description="onHand when the session closed; it must still be that.")
    counted: int = strawberry.field(description="The onHand that is proposed.")
    moved: bool = strawberry.field(
        description="Whether units came or went while tags were read: the difference may be a sale. Read again."
    )
    closed_at: datetime | None = strawberry.field(description="When the session was closed.")

    @field("The variant.")
    async def variant(self, info: Info) -> Variant | None:
        return await load_variant(info.context, self.variant_key)

    @field("The location.")
    async def location(self, info: Info) -> Location | None:
        return await load_location(info.context, self.location_key)


@strawberry.input(description="The proposals of a closed count that a person accepts.")
class CountProposalsApplyInput(KeyedInput):
    session_id: strawberry.ID = strawberry.field(
        description="The session's global id. Errors: INVALID_ID, RFID_SESSION_NOT_FOUND."
    )
    skus: list[str] | None = strawberry.field(
        default=None, description="Only these, 1 to 1,000; else TOO_MANY_LINES. Null: all. Errors: UNKNOWN_SKU."
    )


@strawberry.type(description="A proposal that was not applied.")
class CountProposalRejection:
    variant_key: strawberry.Private[UUID]
    error: Error = strawberry.field(description="Why: STALE_QUANTITY when the level moved since.")

    @field("The variant.")
    async def variant(self, info: Info) -> Variant | None:
        return await load_variant(info.context, self.variant_key)


@strawberry.type(description="What came of applying proposals.")
class CountProposalsApplyPayload(KeyedPayload):
    applied: int = strawberry.field(description="Levels that were counted to what was read.")
    rejected: list[CountProposalRejection] = strawberry.field(
        description="Proposals that stay open; at most 100 are told."
    )


@strawberry.type
class RfidQuery:
    @field(
        "Read sessions, newest first. A credential sees the locations it is bound to, else its channel's pool. "
        "Errors: LOCATION_NOT_ALLOWED, INVALID_ID, INVALID_CURSOR, INVALID_INPUT.",
        require_scope(Scope.STOCK_READ),
    )
    async def rfid_sessions(
        self,
        info: Info,
        *,
        location_ids: SomeLocations = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[RfidSession]:
        places = await _places(info.context, location_ids)
        scope = cursor_scope("rfidSessions", locations=location_ids)
        wanted = page(scope, tuple[UUID], first=first, after=after, last=last, before=before)
        position = wanted.position[0] if wanted.position else None
        rows = await info.context.read(
            lambda session: repository.sessions_page(
                session, places, limit=wanted.fetch, after=position, backwards=wanted.backwards
            )
        )
        return connect(rows, wanted, node=_session_node, key=lambda row: (row.id,))

    @field(
        "Counts that closed sessions propose and nobody has applied, newest session first. Errors: "
        "LOCATION_NOT_ALLOWED, INVALID_ID, INVALID_CURSOR, INVALID_INPUT.",
        require_scope(Scope.STOCK_READ),
    )
    async def count_proposals(
        self,
        info: Info,
        *,
        session_id: OneSession = None,
        location_ids: SomeLocations = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[CountProposal]:
        places = await _places(info.context, location_ids)
        only = expect_id_or_none("RfidSession", session_id, path=("sessionId",))
        scope = cursor_scope("countProposals", session=session_id, locations=location_ids)
        wanted = page(scope, tuple[UUID, UUID], first=first, after=after, last=last, before=before)
        rows = await info.context.read(
            lambda session: repository.proposals_page(
                session, places, only, limit=wanted.fetch, after=wanted.position, backwards=wanted.backwards
            )
        )
        return connect(rows, wanted, node=_proposal_node, key=lambda row: (row.session_id, row.variant_id))


ApplyInput = Annotated[CountProposalsApplyInput, WHAT_TO_DO]


@strawberry.type
class RfidMutation:
    @mutation(
        "Counts levels to what a closed session read. A level that moved since is left alone and stays proposed. "
        "Errors: RFID_SESSION_NOT_FOUND, RFID_SESSION_OPEN, RFID_NOT_A_COUNT, UNKNOWN_SKU, TOO_MANY_LINES, "
        "STALE_QUANTITY when nothing could be applied, INVALID_ID.",
        require_scope(Scope.STOCK_WRITE),
    )
    async def count_proposals_apply(self, info: Info, input: ApplyInput) -> CountProposalsApplyPayload:  # noqa: A002
        async def prepare(_context: RequestContext) -> rfid.ApplyProposals:
            session_id = expect_id("RfidSession", input.session_id, path=("sessionId",))
            return rfid.ApplyProposals(session_id, None if input.skus is None else tuple(input.skus))

        async def run(database: Database, command: rfid.ApplyProposals) -> Answer:
            return await rfid.apply_proposals(
                database, info.context.principal, command, idempotency_key=input.idempotency_key
            )

        settled = await settle(info, prepare, run)
        outcome = settled.outcome or {"applied": [], "rejected": []}
        rejected = [_rejection(row) for row in outcome["rejected"][:MAX_NAMED]]
        if rejected and not outcome["applied"]:
            settled = replace(settled, errors=[rejected[0].error])
        return CountProposalsApplyPayload(settled=settled, applied=len(outcome["applied"]), rejected=rejected)


async def _places(context: RequestContext, location_ids: list[strawberry.ID] | None) -> Sequence[UUID] | None:
    """The locations to look into; None: all."""
    if location_ids is not None:
        if not 1 <= len(location_ids) <= MAX_NAMED:
            raise InvalidInputError(f"name 1 to {MAX_NAMED} locations", path=("locationIds",))
        named = [expect_id("Location", key, path=("locationIds",)) for key in location_ids]
        await require_locations(context, named)
        return named
    principal = context.principal
    if principal.location_ids is not None:
        return sorted(principal.location_ids)
    if principal.channel_id is None:
        return None
    return sorted(await context.load(channels.pools_by_channel_ids, principal.channel_id) or ())


def _session_node(view: rfid.SessionView) -> RfidSession:
    return RfidSession(
        location_key=view.location_id,
        id=global_id("RfidSession", view.id),
        session_id=str(view.id),
        purpose=known(RfidPurpose, view.purpose),
        status=known(RfidSessionStatus, view.status),
        transfer_id=str(view.transfer_id) if view.transfer_id else None,
        tags=view.tags,
        lines=view.lines,
        differences=view.differences,
        opened_at=view.opened_at,
        expires_at=view.expires_at,
        closed_at=view.closed_at,
    )


def _proposal_node(view: rfid.LineView) -> CountProposal:
    return CountProposal(
        variant_key=view.variant_id,
        location_key=view.location_id,
        session_id=global_id("RfidSession", view.session_id),
        expected=shown(view.expected or 0),
        read=view.read,
        difference=shown(view.difference),
        expected_quantity=shown(view.on_hand or 0),
        counted=shown(view.counted or 0),
        moved=view.moved,
        closed_at=view.closed_at,
    )


def _rejection(row: dict[str, Any]) -> CountProposalRejection:
    told = {"kind": ErrorKind.CONFLICT, "path": [], "details": None, **row}
    return CountProposalRejection(variant_key=UUID(row["variant_id"]), error=to_error(ReplayedRefusal(told)))
