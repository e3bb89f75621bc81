"""Customers as the API shows them: one person, one purchase history, one balance across every channel."""

from datetime import datetime
from enum import Enum
from typing import cast
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub import customers, loyalty, orders
from hub.infra.sealing import Sealer
from hub.kernel.principal import PrincipalKind, Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.cost import cost
from hub_graphql.fields import field
from hub_graphql.ids import global_id
from hub_graphql.nodes import Node, register_node
from hub_graphql.order_types import Order, load_order, order_node
from hub_graphql.pagination import Connection, connect, cursor_scope, page
from hub_graphql.paging_arguments import After, First
from hub_graphql.permissions import require_scope
from hub_graphql.words import known, shown

PROGRAMMES = 2
"""What the list of a customer's accounts is assumed to hold when a document is priced."""


@strawberry.enum(description="What moved points.")
class LoyaltyMovementKind(Enum):
    GRANT = enum_value("GRANT", description="An order may earn them; nothing was earned yet.")
    EARN = enum_value("EARN", description="Goods were handed over.")
    ACTIVATE = enum_value("ACTIVATE", description="The return window closed: pending points can be spent.")
    REVERSE = enum_value("REVERSE", description="Goods came back.")
    SPEND = enum_value("SPEND", description="The customer spent them.")
    ADJUST = enum_value("ADJUST", description="Staff moved them, with a reason.")


@strawberry.type(description="A loyalty programme.")
class LoyaltyProgramme:
    id: strawberry.ID = strawberry.field(description="The programme's global id.")
    name: str = strawberry.field(description="Its name.")
    currency_code: str = strawberry.field(description="The ISO 4217 code of the purchases that earn.")


@strawberry.type(description="A customer's points in one programme. Points beyond 2,147,483,647 are shown as that.")
class LoyaltyAccount:
    programme_key: strawberry.Private[UUID]
    available: int = strawberry.field(description="Points that can be spent.")
    pending: int = strawberry.field(description="Points whose return window is still open.")
    held: int = strawberry.field(description="Points that a checkout holds.")
    owed: int = strawberry.field(description="Spent points whose goods came back; new points pay them first.")
    version: int = strawberry.field(description="Counts changes.")

    @field("The programme.")
    async def programme(self, info: Info) -> LoyaltyProgramme | None:
        row = await info.context.load(loyalty.programmes_by_ids, self.programme_key)
        return programme_node(row) if row else None


@strawberry.type(description="One movement of a customer's points.")
class LoyaltyMovement:
    row: strawberry.Private[loyalty.Movement]
    id: strawberry.ID = strawberry.field(description="The movement's global id.")
    kind: LoyaltyMovementKind | None = strawberry.field(description="What it was; null for one newer than this API.")
    available: int = strawberry.field(description="Change of the points that can be spent.")
    pending: int = strawberry.field(description="Change of the pending points.")
    owed: int = strawberry.field(description="Change of what is not owed: negative when debt grew.")
    reason: str | None = strawberry.field(description="Why staff moved them; null otherwise.")
    recorded_at: datetime = strawberry.field(description="When it was recorded.")

    @field("The programme.")
    async def programme(self, info: Info) -> LoyaltyProgramme | None:
        row = await info.context.load(loyalty.programmes_by_ids, self.row.programme_id)
        return programme_node(row) if row else None

    @field("The order whose line earned or lost them; null for others.", require_scope(Scope.ORDERS_READ))
    async def order(self, info: Info) -> Order | None:
        return await load_order(info.context, self.row.order_id) if self.row.order_id else None


@strawberry.type(description="One person, whatever channel they buy in. Names and addresses are personal data.")
class Customer(Node):
    row: strawberry.Private[customers.Customer]
    person: strawberry.Private[customers.Person]
    version: int = strawberry.field(description="Counts changes.")
    created_at: datetime = strawberry.field(description="When the hub first met them.")
    erased_at: datetime | None = strawberry.field(description="When they were erased at their wish; null otherwise.")

    @field("First name; null when unknown or erased.")
    def first_name(self) -> str | None:
        return self.person.first_name or None

    @field("Last name; null when unknown or erased.")
    def last_name(self) -> str | None:
        return self.person.last_name or None

    @field("E-mail address; null when unknown or erased.")
    def email(self) -> str | None:
        return self.person.email or None

    @field("Phone number; null when unknown or erased.")
    def phone(self) -> str | None:
        return self.person.phone or None

    @field(
        "The purchase history in every channel, newest first. Errors: INVALID_CURSOR.", require_scope(Scope.ORDERS_READ)
    )
    async def orders(self, info: Info, first: First = None, after: After = None) -> Connection[Order]:
        scope = cursor_scope("customerOrders", customer=self.row.id)
        wanted = page(scope, tuple[datetime, UUID], first=first, after=after)
        asked = orders.HistoryPage(self.row.id, wanted.fetch, wanted.position)
        rows = await info.context.load(orders.history_pages, asked) or []
        return connect(rows, wanted, node=order_node, key=lambda row: (row.placed_at, row.id))

    @field(
        "The points in every programme; the same in every channel.",
        require_scope(Scope.LOYALTY_READ),
        cost(assumed_size=PROGRAMMES),
    )
    async def loyalty_accounts(self, info: Info) -> list[LoyaltyAccount]:
        return await load_accounts(info.context, self.row.id)

    @field("Every movement of points, newest first. Errors: INVALID_CURSOR.", require_scope(Scope.LOYALTY_READ))
    async def loyalty_history(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[LoyaltyMovement]:
        scope = cursor_scope("loyaltyHistory", customer=self.row.id)
        wanted = page(scope, tuple[UUID], first=first, after=after)
        before = wanted.position[0] if wanted.position else None
        asked = loyalty.MovementPage(self.row.id, wanted.fetch, before)
        rows = await info.context.load(loyalty.histories, asked) or []
        return connect(rows, wanted, node=movement_node, key=lambda row: (row.id,))


def customer_node(context: RequestContext, row: customers.Customer) -> Customer:
    person = customers.person(row, context.service(Sealer))
    return Customer(
        row=row,
        person=person or customers.Person(),
        id=global_id("Customer", row.id),
        version=shown(row.version),
        created_at=cast("datetime", row.created_at),  # the database sets it
        erased_at=row.erased_at,
    )


def programme_node(row: loyalty.LoyaltyProgramme) -> LoyaltyProgramme:
    return LoyaltyProgramme(id=global_id("LoyaltyProgramme", row.id), name=row.name, currency_code=row.currency)


def movement_node(row: loyalty.Movement) -> LoyaltyMovement:
    return LoyaltyMovement(
        row=row,
        id=global_id("LoyaltyMovement", row.id),
        kind=known(LoyaltyMovementKind, row.kind),
        available=shown(row.available),
        pending=shown(row.pending),
        owed=shown(row.owed),
        reason=row.reason,
        recorded_at=row.recorded_at,
    )


async def load_accounts(context: RequestContext, customer_id: UUID) -> list[LoyaltyAccount]:
    return [
        LoyaltyAccount(
            programme_key=held.programme_id,
            available=shown(held.available),
            pending=shown(held.pending),
            held=shown(held.held),
            owed=shown(held.owed),
            version=shown(held.version),
        )
        for held in await context.load(loyalty.balances, customer_id) or ()
    ]


async def sees_customer(context: RequestContext, customer_id: UUID) -> bool:
    """A customer sees itself, staff and tills everybody, a channel's credential who ordered there."""
    principal = context.principal
    if principal.kind is PrincipalKind.CUSTOMER:
        return principal.customer_id == customer_id
    if orders.serves_anybody(principal):
        return True
    if principal.channel_id is None:
        return False
    return bool(await context.load(orders.customers_of_channels, (customer_id, principal.channel_id)))


async def load_visible_customer(context: RequestContext, key: UUID) -> Customer | None:
    if not await sees_customer(context, key):
        return None
    row = await context.load(customers.customers_by_ids, key)
    return customer_node(context, row) if row else None


register_node("Customer", load_visible_customer, Scope.CUSTOMERS_READ)
