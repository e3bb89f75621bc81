"""Units on their way to a location: stock transfers and purchase orders."""

from datetime import datetime
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub import inventory
from hub.channels import views as channels
from hub.inventory import ConsignmentKind
from hub.kernel.principal import LocationNotAllowedError, Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.cost import cost
from hub_graphql.fields import field
from hub_graphql.ids import expect_id, global_id
from hub_graphql.locations import Location, load_location
from hub_graphql.nodes import Node, register_node
from hub_graphql.pagination import Connection, Page, connect, cursor_scope, page
from hub_graphql.paging_arguments import After, First
from hub_graphql.permissions import require_scope
from hub_graphql.products import Variant, load_variant
from hub_graphql.words import known, shown

TRANSFER, PURCHASE = "StockTransfer", "PurchaseOrder"
_ASSUMED_LINES = 10


@strawberry.enum(description="Where a stock transfer stands.")
class StockTransferStatus(Enum):
    DRAFT = enum_value("DRAFT", description="Planned; it claims nothing.")
    IN_TRANSIT = enum_value("IN_TRANSIT", description="Its units have left and are incoming at the destination.")
    PARTIALLY_RECEIVED = enum_value("PARTIALLY_RECEIVED", description="Some units came, others are still expected.")
    RECEIVED = enum_value("RECEIVED", description="Nothing is expected any more.")
    CANCELLED = enum_value("CANCELLED", description="Given up before anything left.")


@strawberry.enum(description="Where a purchase order stands.")
class PurchaseOrderStatus(Enum):
    OPEN = enum_value("OPEN", description="Its units are expected.")
    PARTIALLY_RECEIVED = enum_value("PARTIALLY_RECEIVED", description="Some units came, others are still expected.")
    RECEIVED = enum_value("RECEIVED", description="Nothing is expected any more.")
    CANCELLED = enum_value("CANCELLED", description="What had not come will not come.")


@strawberry.type(description="The units of one variant that a document announces, and what became of them.")
class ExpectedLine:
    variant_key: strawberry.Private[UUID]
    quantity: int = strawberry.field(description="Units announced; 0 for an article that came unannounced.")
    received: int = strawberry.field(description="Announced units that came.")
    extra: int = strawberry.field(description="Units that came beyond those announced.")
    missing: int = strawberry.field(description="Announced units that will not come.")
    outstanding: int = strawberry.field(description="Announced units that are still expected once the document is out.")

    @field("The variant.")
    async def variant(self, info: Info) -> Variant | None:
        return await load_variant(info.context, self.variant_key)


@strawberry.type
class _Document(Node):
    row: strawberry.Private[inventory.Consignment]
    expected_at: datetime | None = strawberry.field(description="When it is expected; null when nobody said.")
    version: int = strawberry.field(description="Grows with each step; give it as expectedVersion.")
    created_at: datetime = strawberry.field(description="When it was made.")
    closed_at: datetime | None = strawberry.field(description="When it was received whole or cancelled.")

    @field("What it announces, by variant.", cost(assumed_size=_ASSUMED_LINES))
    async def lines(self, info: Info) -> list[ExpectedLine]:
        found = await info.context.load(inventory.lines_by_ids, self.row.id) or []
        return [
            ExpectedLine(
                variant_key=line.variant_id,
                quantity=shown(line.quantity),
                received=shown(line.received),
                extra=shown(line.extra),
                missing=shown(line.missing),
                outstanding=shown(line.expected.outstanding),
            )
            for line in found
        ]


@strawberry.type(description="Units on their way from one location to another.")
class StockTransfer(_Document):
    status: StockTransferStatus | None = strawberry.field(description="Where it stands; null for a newer word.")
    dispatched_at: datetime | None = strawberry.field(description="When its units left.")

    @field("Where the units come from.")
    async def from_location(self, info: Info) -> Location | None:
        place = self.row.from_location_id
        return await load_location(info.context, place) if place else None

    @field("Where the units go to.")
    async def to_location(self, info: Info) -> Location | None:
        return await load_location(info.context, self.row.to_location_id)


@strawberry.type(description="What a supplier is expected to bring to a location: a purchase order or advance notice.")
class PurchaseOrder(_Document):
    status: PurchaseOrderStatus | None = strawberry.field(description="Where it stands; null for a newer word.")
    number: str = strawberry.field(description="The paper's own number, unique among purchase orders.")
    supplier: str = strawberry.field(description="Who brings it; may be empty.")

    @field("Where the units are expected.")
    async def location(self, info: Info) -> Location | None:
        return await load_location(info.context, self.row.to_location_id)


def transfer_node(row: inventory.Consignment) -> StockTransfer:
    return StockTransfer(
        id=global_id(TRANSFER, row.id),
        row=row,
        expected_at=row.expected_at,
        version=shown(row.version),
        created_at=row.created_at,
        closed_at=row.closed_at,
        status=known(StockTransferStatus, row.status),
        dispatched_at=row.dispatched_at,
    )


def purchase_order_node(row: inventory.Consignment) -> PurchaseOrder:
    return PurchaseOrder(
        id=global_id(PURCHASE, row.id),
        row=row,
        expected_at=row.expected_at,
        version=shown(row.version),
        created_at=row.created_at,
        closed_at=row.closed_at,
        status=known(PurchaseOrderStatus, row.status),
        number=row.number or "",
        supplier=row.supplier,
    )


async def visible_places(context: RequestContext) -> list[UUID] | None:
    """The locations whose documents the caller may see: its own, else its channel's pool; None: all."""
    principal = context.principal
    if principal.location_ids is not None:
        return sorted(principal.location_ids)
    if principal.channel_id is None:
        return None
    return sorted(await context.load(channels.pools_by_channel_ids, principal.channel_id) or ())


async def places_asked_for(context: RequestContext, location_id: strawberry.ID | None) -> list[UUID] | None:
    """As `visible_places`, narrowed to the location that was named. Raises LocationNotAllowedError."""
    places = await visible_places(context)
    if location_id is None:
        return places
    place = expect_id("Location", location_id, path=("locationId",))
    if places is not None and place not in places:
        raise LocationNotAllowedError("this credential does not see this location", path=("locationId",))
    return [place]


async def _load_visible(context: RequestContext, key: UUID, kind: ConsignmentKind) -> inventory.Consignment | None:
    row = await context.load(inventory.consignments_by_ids, key)
    places = await visible_places(context)
    if row is None or row.kind != kind or (places is not None and not set(places) & set(row.places)):
        return None
    return row


async def load_visible_transfer(context: RequestContext, key: UUID) -> StockTransfer | None:
    row = await _load_visible(context, key, ConsignmentKind.TRANSFER)
    return transfer_node(row) if row else None


async def load_visible_purchase_order(context: RequestContext, key: UUID) -> PurchaseOrder | None:
    row = await _load_visible(context, key, ConsignmentKind.PURCHASE)
    return purchase_order_node(row) if row else None


register_node(TRANSFER, load_visible_transfer, Scope.STOCK_READ)
register_node(PURCHASE, load_visible_purchase_order, Scope.STOCK_READ)

DocumentId = Annotated[strawberry.ID, strawberry.argument(description="The document's global id.")]
AtLocation = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="Only those from or to this location, by id; without it, all that the caller sees."
    ),
]
TransferStatuses = Annotated[
    list[StockTransferStatus] | None, strawberry.argument(description="Only these; without them, every status.")
]
OrderStatuses = Annotated[
    list[PurchaseOrderStatus] | None, strawberry.argument(description="Only these; without them, every status.")
]


@strawberry.type
class StockDocumentQuery:
    @field(
        "One stock transfer; null when the caller does not see it. Errors: INVALID_ID.", require_scope(Scope.STOCK_READ)
    )
    async def stock_transfer(self, info: Info, id: DocumentId) -> StockTransfer | None:  # noqa: A002
        return await load_visible_transfer(info.context, expect_id(TRANSFER, id))

    @field(
        "One purchase order; null when the caller does not see it. Errors: INVALID_ID.", require_scope(Scope.STOCK_READ)
    )
    async def purchase_order(self, info: Info, id: DocumentId) -> PurchaseOrder | None:  # noqa: A002
        return await load_visible_purchase_order(info.context, expect_id(PURCHASE, id))

    @field(
        "Stock transfers, newest first; a bound credential sees those from or to its locations. Errors: "
        "LOCATION_NOT_ALLOWED, INVALID_ID, INVALID_CURSOR, INVALID_INPUT.",
        require_scope(Scope.STOCK_READ),
    )
    async def stock_transfers(
        self,
        info: Info,
        *,
        location_id: AtLocation = None,
        statuses: TransferStatuses = None,
        first: First = None,
        after: After = None,
    ) -> Connection[StockTransfer]:
        words = None if statuses is None else sorted({status.name for status in statuses})
        rows, wanted = await _page(info.context, ConsignmentKind.TRANSFER, location_id, words, (first, after))
        return connect(rows, wanted, node=transfer_node, key=lambda row: (row.created_at, row.id))

    @field(
        "Purchase orders, newest first; a bound credential sees those for its locations. Errors: "
        "LOCATION_NOT_ALLOWED, INVALID_ID, INVALID_CURSOR, INVALID_INPUT.",
        require_scope(Scope.STOCK_READ),
    )
    async def purchase_orders(
        self,
        info: Info,
        *,
        location_id: AtLocation = None,
        statuses: OrderStatuses = None,
        first: First = None,
        after: After = None,
    ) -> Connection[PurchaseOrder]:
        words = None if statuses is None else sorted({status.name for status in statuses})
        rows, wanted = await _page(info.context, ConsignmentKind.PURCHASE, location_id, words, (first, after))
        return connect(rows, wanted, node=purchase_order_node, key=lambda row: (row.created_at, row.id))


async def _page(
    context: RequestContext,
    kind: ConsignmentKind,
    location_id: strawberry.ID | None,
    statuses: list[str] | None,
    paging: tuple[int | None, str | None],
) -> tuple[list[inventory.Consignment], Page[tuple[datetime, UUID]]]:
    places = await places_asked_for(context, location_id)
    scope = cursor_scope("consignments", kind=kind, places=places, statuses=statuses)
    wanted = page(scope, tuple[datetime, UUID], first=paging[0], after=paging[1])
    rows = await context.read(
        lambda session: inventory.consignments_page(
            session, kind, limit=wanted.fetch, after=wanted.position, location_ids=places, statuses=statuses
        )
    )
    return rows, wanted
