"""Claims on stock for a while: what a cart, a till or staff hold until they buy, give back or let lapse."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Annotated, Any, TypeVar
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub import inventory
from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.inventory import CreateReservation, ReservationLineInput, reading
from hub.inventory import ReservationOwner as Owner
from hub.inventory.reading import ReservationLineView, ReservationView
from hub.inventory.reservations import DEFAULT_TTL_SECONDS, MAX_LINES
from hub.kernel.errors import InvalidInputError
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub_graphql.availability import DEFAULT_METHOD, FulfillmentMethod
from hub_graphql.channels import Channel, channel_reference, find_channel
from hub_graphql.context import Info, RequestContext
from hub_graphql.error_details import short_lines
from hub_graphql.errors import InsufficientStockLine
from hub_graphql.fields import field, mutation
from hub_graphql.geography import GeoPointInput, parse_point
from hub_graphql.ids import expect_id, expect_id_or_none, global_id, parse_uuid
from hub_graphql.keyed import Settled, settle
from hub_graphql.locations import Location, load_location
from hub_graphql.naming import Path, UnitsInput, location_key, location_key_or_none, variant_names
from hub_graphql.nodes import Node, register_node
from hub_graphql.payloads import KeyedInput, KeyedPayload
from hub_graphql.permissions import require_scope
from hub_graphql.products import Variant, load_variant
from hub_graphql.words import known, shown
from routing import RoutingMethod

_TTL = "Seconds until it lapses, 1 to 14,400; else INVALID_TTL."


@strawberry.enum(description="Who claims stock; it follows from the credential.")
class ReservationOwner(Enum):
    CART = enum_value("CART", description="A shop's cart or a partner; leaves the safety stock alone.")
    TERMINAL = enum_value("TERMINAL", description="A till, at its own location; may take the safety stock.")
    ORDER = enum_value("ORDER", description="An order; does not lapse.")
    STAFF = enum_value("STAFF", description="Staff, for a customer; may take the safety stock.")


@strawberry.enum(description="What became of a reservation.")
class ReservationStatus(Enum):
    ACTIVE = enum_value("ACTIVE", description="It holds its units.")
    COMMITTED = enum_value("COMMITTED", description="Its units were sold or bound to an order.")
    RELEASED = enum_value("RELEASED", description="Its units were given back.")
    EXPIRED = enum_value("EXPIRED", description="Its time is over; its units are free again.")


@strawberry.type(description="Units of one variant that a reservation holds at one location.")
class ReservationLine:
    view: strawberry.Private[ReservationLineView]
    quantity: int = strawberry.field(description="Units.")

    @field("The variant.")
    async def variant(self, info: Info) -> Variant | None:
        return await load_variant(info.context, self.view.variant_id)

    @field("Where the units are.")
    async def location(self, info: Info) -> Location | None:
        return await load_location(info.context, self.view.location_id)


@strawberry.type(description="A claim on stock, pinned to locations.")
class Reservation(Node):
    view: strawberry.Private[ReservationView]
    owner: ReservationOwner | None = strawberry.field(description="Who claims; null for a newer word.")
    status: ReservationStatus | None = strawberry.field(description="What became of it; null for a newer word.")
    expires_at: datetime | None = strawberry.field(description="When it lapses; null: never.")
    created_at: datetime = strawberry.field(description="When it was made.")
    resolved_at: datetime | None = strawberry.field(description="When it stopped being active.")
    version: int = strawberry.field(description="Grows with each change.")

    @field("What it holds, or held; at most 100 lines.")
    def lines(self) -> list[ReservationLine]:
        return [ReservationLine(view=line, quantity=shown(line.quantity)) for line in self.view.lines]

    @field("The channel it was made through; null when it was made through none.")
    async def channel(self, info: Info) -> Channel | None:
        return await channel_reference(info.context, self.view.channel_id) if self.view.channel_id else None


@strawberry.input(description="Units to claim.")
class ReservationCreateLineInput(UnitsInput):
    location_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Where, by id. By default a till's own location, else any of the channel's pool. "
        "Errors: INVALID_ID, UNKNOWN_LOCATION, LOCATION_NOT_ALLOWED.",
    )
    location_code: str | None = strawberry.field(default=None, description="Where, by code, instead of the id.")
    location_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="Several locations in order of preference, instead of one: the first that has all units, else as "
        "many as there are in that order. At most 20, all different; else INVALID_INPUT.",
    )


@strawberry.enum(description="What to do when not every line can be claimed in full.")
class ReservationPolicy(Enum):
    ALL_OR_NOTHING = enum_value("ALL_OR_NOTHING", description="Refuse: nothing is claimed.")
    PARTIAL = enum_value("PARTIAL", description="Claim what there is; refuse only when that is nothing.")


@strawberry.input(description="A claim on stock. Equal lines are one demand.")
class ReservationCreateInput(KeyedInput):
    lines: list[ReservationCreateLineInput] = strawberry.field(
        description="What to claim: 1 to 100 lines; else TOO_MANY_LINES."
    )
    policy: ReservationPolicy = strawberry.field(
        default=ReservationPolicy.ALL_OR_NOTHING, description="What to do when there is not enough."
    )
    ttl_seconds: int = strawberry.field(default=DEFAULT_TTL_SECONDS, description=_TTL)
    channel: str | None = strawberry.field(
        default=None,
        description="The channel whose pool serves lines without a location, by its code or id; by default the "
        "credential's own. Errors: CHANNEL_NOT_FOUND, CHANNEL_NOT_ALLOWED.",
    )
    method: FulfillmentMethod = strawberry.field(
        default=DEFAULT_METHOD,
        description="What a location must be able to do to be claimed from; a till or staff who name a location take "
        "what lies there, whatever it can do.",
    )
    pickup_location_id: strawberry.ID | None = strawberry.field(
        default=None, description="Where the customer collects, for PICKUP, by id. Errors: INVALID_ID."
    )
    near: GeoPointInput | None = strawberry.field(
        default=None, description="Prefer locations near this point, such as the address of delivery."
    )


@strawberry.input
class ReservationInput(KeyedInput):
    id: strawberry.ID = strawberry.field(
        description="The reservation's global id. Errors: INVALID_ID, RESERVATION_NOT_FOUND."
    )


@strawberry.input(description="More time for a reservation.")
class ReservationExtendInput(ReservationInput):
    ttl_seconds: int = strawberry.field(description=f"{_TTL} From now; a day after its creation is the end.")


@strawberry.input(description="A reservation to give back.")
class ReservationReleaseInput(ReservationInput):
    pass


@strawberry.input(description="A reservation to move to another location.")
class ReservationTransferInput(ReservationInput):
    to_location_id: strawberry.ID | None = strawberry.field(
        default=None, description="Where the units shall be, by id. Errors: INVALID_ID, UNKNOWN_LOCATION."
    )
    to_location_code: str | None = strawberry.field(default=None, description="Where, by code, instead of the id.")


@strawberry.input(description="A reservation whose units were sold over the counter.")
class ReservationCommitInput(ReservationInput):
    receipt_id: str = strawberry.field(description="The till's own id of the receipt, a UUID; else INVALID_INPUT.")


@strawberry.type
class ReservationPayload(KeyedPayload):
    reservation: Reservation | None = strawberry.field(
        description="The reservation as it is now; null when this was refused."
    )


@strawberry.type(description="What came of claiming stock.")
class ReservationCreatePayload(ReservationPayload):
    @field("What a PARTIAL claim did not get; empty when it got everything.")
    async def short_lines(self, info: Info) -> list[InsufficientStockLine]:
        outcome = self.settled.outcome
        return await short_lines(info.context, outcome["short"]) if outcome else []


@strawberry.type(description="What came of extending a reservation.")
class ReservationExtendPayload(ReservationPayload):
    pass


@strawberry.type(description="What came of releasing a reservation.")
class ReservationReleasePayload(ReservationPayload):
    pass


@strawberry.type(description="What came of moving a reservation.")
class ReservationTransferPayload(ReservationPayload):
    pass


@strawberry.type(description="What came of committing a reservation.")
class ReservationCommitPayload(ReservationPayload):
    pass


P = TypeVar("P", bound=ReservationPayload)
CreateArgument = Annotated[ReservationCreateInput, strawberry.argument(description="What to claim.")]
ExtendArgument = Annotated[ReservationExtendInput, strawberry.argument(description="What to extend.")]
ReleaseArgument = Annotated[ReservationReleaseInput, strawberry.argument(description="What to give back.")]
TransferArgument = Annotated[ReservationTransferInput, strawberry.argument(description="What to move, and where.")]
CommitArgument = Annotated[ReservationCommitInput, strawberry.argument(description="What was sold.")]
ReservationId = Annotated[strawberry.ID, strawberry.argument(description="The reservation's id.")]


@strawberry.type
class ReservationQuery:
    @field(
        "One reservation; null when it does not exist for this caller. A credential that is bound to a channel or "
        "a location sees its own. Errors: INVALID_ID.",
        require_scope(Scope.RESERVATIONS_WRITE, Scope.STOCK_READ),
    )
    async def reservation(self, info: Info, id: ReservationId) -> Reservation | None:  # noqa: A002
        return await load_visible_reservation(info.context, expect_id("Reservation", id))


@strawberry.type
class ReservationMutation:
    @mutation(
        "Claims every line or nothing, or with PARTIAL what there is, for a while. Errors: INSUFFICIENT_STOCK with "
        "every short line, UNKNOWN_SKU, UNKNOWN_LOCATION, INVALID_QUANTITY, INVALID_TTL, TOO_MANY_LINES, "
        "STOCK_NOT_TRACKED.",
        require_scope(Scope.RESERVATIONS_WRITE),
    )
    async def reservation_create(self, info: Info, input: CreateArgument) -> ReservationCreatePayload:  # noqa: A002
        async def prepare(context: RequestContext) -> CreateReservation:
            return await _command(context, input)

        async def run(database: Database, command: CreateReservation) -> Answer:
            return await inventory.create_reservation(
                database, info.context.principal, command, idempotency_key=input.idempotency_key
            )

        settled = await settle(info, prepare, run)
        if settled.replayed or settled.outcome is None:
            return await _answered(info, settled, ReservationCreatePayload)
        made = reading.made_just_now(settled.outcome, info.context.principal.id)
        return ReservationCreatePayload(settled=settled, reservation=reservation_node(made))

    @mutation(
        "Gives a reservation more time. Errors: RESERVATION_NOT_FOUND, RESERVATION_NOT_ACTIVE, "
        "RESERVATION_EXPIRED, INVALID_TTL.",
        require_scope(Scope.RESERVATIONS_WRITE),
    )
    async def reservation_extend(self, info: Info, input: ExtendArgument) -> ReservationExtendPayload:  # noqa: A002
        extend = partial(inventory.extend_reservation, ttl_seconds=input.ttl_seconds)
        return await _change(info, input, extend, ReservationExtendPayload)

    @mutation(
        "Gives the units back. Releasing what lapsed or was released is no error. Errors: RESERVATION_NOT_FOUND, "
        "RESERVATION_NOT_ACTIVE.",
        require_scope(Scope.RESERVATIONS_WRITE),
    )
    async def reservation_release(self, info: Info, input: ReleaseArgument) -> ReservationReleasePayload:  # noqa: A002
        return await _change(info, input, inventory.release_reservation, ReservationReleasePayload)

    @mutation(
        "Checks and moves every held unit to one location in one step, all or nothing; the expiry stays. Errors: "
        "INSUFFICIENT_STOCK, RESERVATION_NOT_FOUND, RESERVATION_NOT_ACTIVE, RESERVATION_EXPIRED, UNKNOWN_LOCATION.",
        require_scope(Scope.RESERVATIONS_WRITE),
    )
    async def reservation_transfer(self, info: Info, input: TransferArgument) -> ReservationTransferPayload:  # noqa: A002
        async def prepare(context: RequestContext) -> tuple[UUID, UUID]:
            target = await location_key(context, input.to_location_id, input.to_location_code, path=("toLocationId",))
            return expect_id("Reservation", input.id), target

        async def run(database: Database, named: tuple[UUID, UUID]) -> Answer:
            return await inventory.transfer_reservation(
                database,
                info.context.principal,
                reservation_id=named[0],
                to_location_id=named[1],
                idempotency_key=input.idempotency_key,
            )

        return await _answered(info, await settle(info, prepare, run), ReservationTransferPayload)

    @mutation(
        "The units were sold over the counter under a receipt. Errors: RESERVATION_NOT_FOUND, "
        "RESERVATION_NOT_ACTIVE, RESERVATION_EXPIRED.",
        require_scope(Scope.RESERVATIONS_WRITE),
    )
    async def reservation_commit(self, info: Info, input: CommitArgument) -> ReservationCommitPayload:  # noqa: A002
        async def commit(database: Database, principal: Principal, **named: Any) -> Answer:
            receipt_id = parse_uuid(input.receipt_id, path=("receiptId",))
            return await inventory.commit_to_receipt(database, principal, receipt_id=receipt_id, **named)

        return await _change(info, input, commit, ReservationCommitPayload)


def reservation_node(view: ReservationView) -> Reservation:
    return Reservation(
        id=global_id("Reservation", view.id),
        view=view,
        owner=known(ReservationOwner, view.owner),
        status=known(ReservationStatus, view.status),
        expires_at=view.expires_at,
        created_at=view.created_at,
        resolved_at=view.resolved_at,
        version=shown(view.version),
    )


async def load_visible_reservation(context: RequestContext, key: UUID) -> Reservation | None:
    """The reservation; a caller that is bound to a channel or location sees its own only."""
    principal = context.principal
    view = await context.load(reading.reservations_by_ids, key)
    bound = principal.channel_id is not None or principal.location_ids is not None
    if view is None or (bound and view.principal_id != principal.id):
        return None
    return reservation_node(view)


def owner_of(principal: Principal) -> Owner:
    """In whose name a credential claims: it cannot choose."""
    if principal.terminal_id is not None:
        return Owner.TERMINAL
    return Owner.STAFF if principal.kind is PrincipalKind.STAFF else Owner.CART


async def _command(context: RequestContext, given: ReservationCreateInput) -> CreateReservation:
    if not 1 <= len(given.lines) <= MAX_LINES:
        message = f"a reservation has 1 to {MAX_LINES} lines, not {len(given.lines)}"
        raise inventory.TooManyLinesError(message, path=("lines",))
    variants = variant_names(given.lines)
    places = [await _places(context, line, ("lines", str(number))) for number, line in enumerate(given.lines)]
    channel = await find_channel(context, given.channel) if given.channel is not None else None
    return CreateReservation(
        owner=owner_of(context.principal),
        lines=tuple(
            ReservationLineInput(variant, line.quantity, location_ids=chosen)
            for variant, line, chosen in zip(variants, given.lines, places, strict=True)
        ),
        ttl_seconds=given.ttl_seconds,
        channel_id=channel.id if channel else None,
        method=RoutingMethod[given.method.name],
        pickup_location_id=expect_id_or_none("Location", given.pickup_location_id, path=("pickupLocationId",)),
        near=parse_point(given.near, path=("near",)) if given.near else None,
        partial=given.policy is ReservationPolicy.PARTIAL,
    )


async def _places(context: RequestContext, line: ReservationCreateLineInput, path: Path) -> tuple[UUID, ...]:
    """Where a line claims; none: anywhere in the channel's pool, which a caller bound to locations may not say."""
    if line.location_ids is not None:
        listed = (*path, "locationIds")
        if line.location_id is not None or line.location_code is not None or not line.location_ids:
            raise InvalidInputError("name one location, or several in locationIds", path=listed)
        return tuple(expect_id("Location", text, path=listed) for text in line.location_ids)
    found = await location_key_or_none(context, line.location_id, line.location_code, path=(*path, "locationId"))
    if found is None and context.principal.location_ids is not None:
        raise InvalidInputError("this credential is bound to locations: name one", path=(*path, "locationId"))
    return () if found is None else (found,)


async def _change(info: Info, given: ReservationInput, decide: Callable[..., Awaitable[Answer]], payload: type[P]) -> P:
    """Let the feature decide about one reservation, which it takes by `reservation_id` and `idempotency_key`."""

    async def prepare(_context: RequestContext) -> UUID:
        return expect_id("Reservation", given.id)

    async def run(database: Database, key: UUID) -> Answer:
        principal = info.context.principal
        return await decide(database, principal, reservation_id=key, idempotency_key=given.idempotency_key)

    return await _answered(info, await settle(info, prepare, run), payload)


async def _answered(info: Info, settled: Settled, payload: type[P]) -> P:
    key = UUID(settled.outcome["reservation_id"]) if settled.outcome else None
    reservation = await load_visible_reservation(info.context, key) if key else None
    return payload(settled=settled, reservation=reservation)


register_node("Reservation", load_visible_reservation, Scope.RESERVATIONS_WRITE, Scope.STOCK_READ)
