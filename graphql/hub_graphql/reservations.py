"""Claims on stock for a while: what a cart, a till or staff hold until they buy, give back or let lapse."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import Enum
from typing import Annotated
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
from hub.kernel.ids import parse_id
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub_graphql.availability import FulfillmentMethod
from hub_graphql.channels import Channel, channel_reference, meant_channel
from hub_graphql.context import Info, RequestContext
from hub_graphql.errors import Error
from hub_graphql.errors import Warning as PayloadWarning
from hub_graphql.fields import field, mutation
from hub_graphql.geography import GeoPointInput, parse_point
from hub_graphql.ids import expect_id, global_id
from hub_graphql.keyed import Settled, settle
from hub_graphql.locations import Location, load_location
from hub_graphql.naming import Named, Path, location_key_or_none, variant_keys
from hub_graphql.nodes import Node, register_node
from hub_graphql.permissions import require_scope
from hub_graphql.products import Variant, load_variant
from hub_graphql.words import known, shown
from routing import RoutingMethod

_KEY = "1 to 128 printable ASCII characters; the same key and input give the first answer again."
_RESERVATION = "The reservation's id. Errors: INVALID_ID, RESERVATION_NOT_FOUND."
_ERRORS = "Why it was not done; empty when it was."
_WARNINGS = "What to know about what was done."
_REPLAYED = "Whether this answer was given before, to the same key."
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


@strawberry.input(name="ReservationLineInput", description="Units to claim.")
class ReservationLineInputType:
    quantity: int = strawberry.field(description="Units, 1 to 1,000,000,000; else INVALID_QUANTITY.")
    sku: str | None = strawberry.field(
        default=None, description="The variant's sku; give this or variantId. Errors: UNKNOWN_SKU."
    )
    variant_id: strawberry.ID | None = strawberry.field(
        default=None, description="The variant's id; give this or sku. Errors: INVALID_ID, UNKNOWN_SKU."
    )
    location_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Where, by id. By default a till's own location, else any of the channel's pool. "
        "Errors: UNKNOWN_LOCATION, LOCATION_NOT_ALLOWED.",
    )
    location_code: str | None = strawberry.field(default=None, description="Where, by code, instead of the id.")


@strawberry.input(description="A claim on stock: every line or nothing. Equal lines are one demand.")
class ReservationCreateInput:
    lines: list[ReservationLineInputType] = strawberry.field(
        description="What to claim: 1 to 100 lines; else TOO_MANY_LINES."
    )
    idempotency_key: str = strawberry.field(description=_KEY)
    ttl_seconds: int = strawberry.field(default=DEFAULT_TTL_SECONDS, description=_TTL)
    channel: str | None = strawberry.field(
        default=None, description="The channel whose pool serves lines without a location; the credential's own."
    )
    method: FulfillmentMethod = strawberry.field(
        default=FulfillmentMethod.SHIP, description="What the pool's locations must be able to do."
    )
    pickup_location_id: strawberry.ID | None = strawberry.field(
        default=None, description="Where the customer collects, for PICKUP."
    )
    near: GeoPointInput | None = strawberry.field(
        default=None, description="Prefer locations near this point, such as the address of delivery."
    )


@strawberry.input(description="More time for a reservation.")
class ReservationExtendInput:
    reservation_id: strawberry.ID = strawberry.field(description=_RESERVATION)
    ttl_seconds: int = strawberry.field(description=f"{_TTL} From now; a day after its creation is the end.")
    idempotency_key: str = strawberry.field(description=_KEY)


@strawberry.input(description="A reservation to give back.")
class ReservationReleaseInput:
    reservation_id: strawberry.ID = strawberry.field(description=_RESERVATION)
    idempotency_key: str = strawberry.field(description=_KEY)


@strawberry.input(description="A reservation whose units were sold over the counter.")
class ReservationCommitInput:
    reservation_id: strawberry.ID = strawberry.field(description=_RESERVATION)
    receipt_id: str = strawberry.field(description="The till's own id of the receipt, a UUID.")
    idempotency_key: str = strawberry.field(description=_KEY)


@strawberry.type(description="What came of claiming stock.")
class ReservationCreatePayload:
    reservation: Reservation | None = strawberry.field(description="The reservation as it is now.")
    replayed: bool = strawberry.field(description=_REPLAYED)
    errors: list[Error] = strawberry.field(description=_ERRORS)
    warnings: list[PayloadWarning] = strawberry.field(description=_WARNINGS)


@strawberry.type(description="What came of extending a reservation.")
class ReservationExtendPayload(ReservationCreatePayload):
    pass


@strawberry.type(description="What came of releasing a reservation.")
class ReservationReleasePayload(ReservationCreatePayload):
    pass


@strawberry.type(description="What came of committing a reservation.")
class ReservationCommitPayload(ReservationCreatePayload):
    pass


CreateArgument = Annotated[ReservationCreateInput, strawberry.argument(description="What to claim.")]
ExtendArgument = Annotated[ReservationExtendInput, strawberry.argument(description="What to extend.")]
ReleaseArgument = Annotated[ReservationReleaseInput, strawberry.argument(description="What to give back.")]
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
        "Claims every line or nothing, for a while. Errors: INSUFFICIENT_STOCK with every short line, UNKNOWN_SKU, "
        "UNKNOWN_LOCATION, INVALID_QUANTITY, INVALID_TTL, TOO_MANY_LINES, STOCK_NOT_TRACKED.",
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
        return ReservationCreatePayload(
            reservation=await _outcome(info, settled), replayed=settled.replayed, errors=settled.errors, warnings=[]
        )

    @mutation(
        "Gives a reservation more time. Errors: RESERVATION_NOT_FOUND, RESERVATION_NOT_ACTIVE, "
        "RESERVATION_EXPIRED, INVALID_TTL.",
        require_scope(Scope.RESERVATIONS_WRITE),
    )
    async def reservation_extend(self, info: Info, input: ExtendArgument) -> ReservationExtendPayload:  # noqa: A002
        async def run(database: Database, reservation_id: UUID) -> Answer:
            return await inventory.extend_reservation(
                database,
                info.context.principal,
                reservation_id=reservation_id,
                ttl_seconds=input.ttl_seconds,
                idempotency_key=input.idempotency_key,
            )

        settled = await settle(info, _named(input.reservation_id), run)
        return ReservationExtendPayload(
            reservation=await _outcome(info, settled), replayed=settled.replayed, errors=settled.errors, warnings=[]
        )

    @mutation(
        "Gives the units back. Releasing what lapsed or was released is no error. Errors: RESERVATION_NOT_FOUND, "
        "RESERVATION_NOT_ACTIVE.",
        require_scope(Scope.RESERVATIONS_WRITE),
    )
    async def reservation_release(self, info: Info, input: ReleaseArgument) -> ReservationReleasePayload:  # noqa: A002
        async def run(database: Database, reservation_id: UUID) -> Answer:
            return await inventory.release_reservation(
                database,
                info.context.principal,
                reservation_id=reservation_id,
                idempotency_key=input.idempotency_key,
            )

        settled = await settle(info, _named(input.reservation_id), run)
        return ReservationReleasePayload(
            reservation=await _outcome(info, settled), replayed=settled.replayed, errors=settled.errors, warnings=[]
        )

    @mutation(
        "The units were sold over the counter under a receipt. Errors: RESERVATION_NOT_FOUND, "
        "RESERVATION_NOT_ACTIVE, RESERVATION_EXPIRED.",
        require_scope(Scope.RESERVATIONS_WRITE),
    )
    async def reservation_commit(self, info: Info, input: CommitArgument) -> ReservationCommitPayload:  # noqa: A002
        async def run(database: Database, reservation_id: UUID) -> Answer:
            receipt_id = parse_id(input.receipt_id)
            if receipt_id is None:
                raise InvalidInputError("receiptId must be a UUID", path=("receiptId",))
            return await inventory.commit_to_receipt(
                database,
                info.context.principal,
                reservation_id=reservation_id,
                receipt_id=receipt_id,
                idempotency_key=input.idempotency_key,
            )

        settled = await settle(info, _named(input.reservation_id), run)
        return ReservationCommitPayload(
            reservation=await _outcome(info, settled), replayed=settled.replayed, errors=settled.errors, warnings=[]
        )


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
    paths = [("lines", str(number)) for number in range(len(given.lines))]
    named = [Named(line.sku, line.variant_id, path) for line, path in zip(given.lines, paths, strict=True)]
    variants = await variant_keys(context, named)
    locations = [await _location(context, line, path) for line, path in zip(given.lines, paths, strict=True)]
    channel = await meant_channel(context, given.channel)
    pickup = given.pickup_location_id
    return CreateReservation(
        owner=owner_of(context.principal),
        lines=tuple(
            ReservationLineInput(variant_id, line.quantity, location_id)
            for variant_id, line, location_id in zip(variants, given.lines, locations, strict=True)
        ),
        ttl_seconds=given.ttl_seconds,
        channel_id=channel.id if channel else None,
        method=RoutingMethod[given.method.name],
        pickup_location_id=expect_id("Location", pickup, path=("pickupLocationId",)) if pickup else None,
        near=parse_point(given.near, path=("near",)) if given.near else None,
    )


async def _location(context: RequestContext, line: ReservationLineInputType, path: Path) -> UUID | None:
    """Where a line claims; None: anywhere in the channel's pool, which a caller bound to locations may not say."""
    found = await location_key_or_none(context, line.location_id, line.location_code, path=(*path, "locationId"))
    if found is None and context.principal.location_ids is not None:
        raise InvalidInputError("this credential is bound to locations: name one", path=(*path, "locationId"))
    return found


def _named(reservation_id: strawberry.ID) -> Callable[[RequestContext], Awaitable[UUID]]:
    async def prepare(_context: RequestContext) -> UUID:
        return expect_id("Reservation", reservation_id, path=("reservationId",))

    return prepare


async def _outcome(info: Info, settled: Settled) -> Reservation | None:
    if settled.outcome is None:
        return None
    return await load_visible_reservation(info.context, UUID(settled.outcome["reservation_id"]))


register_node("Reservation", load_visible_reservation, Scope.RESERVATIONS_WRITE, Scope.STOCK_READ)
