"""Customers, their points, and what changes in them."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Annotated

import strawberry

from hub import customers, loyalty
from hub.customers import IdentityEvidence, IdentityKind
from hub.infra.events import EventHub
from hub.infra.sealing import Sealer
from hub.kernel.errors import InvalidInputError
from hub.kernel.principal import PrincipalKind, Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.cost import cost
from hub_graphql.customer_types import (
    PROGRAMMES,
    Customer,
    LoyaltyAccount,
    load_accounts,
    load_visible_customer,
    sees_customer,
)
from hub_graphql.fields import field, subscription
from hub_graphql.ids import expect_id
from hub_graphql.permissions import require_scope
from hub_graphql.stream_cursors import CURSOR, Stream, StreamCursor, StreamEventKind

ById = Annotated[strawberry.ID | None, strawberry.argument(description="The customer's global id.")]
ByEmail = Annotated[str | None, strawberry.argument(description="A verified e-mail address.")]
ByPhone = Annotated[
    str | None, strawberry.argument(description="A verified phone number, as +49… or with its country.")
]
ByCard = Annotated[str | None, strawberry.argument(description="The number of a loyalty card.")]
PhoneCountry = Annotated[
    str | None,
    strawberry.argument(description="ISO 3166-1 alpha-2 code that tells how to read a national phone number."),
]
CustomerId = Annotated[strawberry.ID, strawberry.argument(description="The customer's global id.")]


@strawberry.type(description="A customer's points, read or changed.")
class LoyaltyEvent:
    kind: StreamEventKind = strawberry.field(description="Why it was sent.")
    cursor: str = strawberry.field(description=CURSOR)
    accounts: list[LoyaltyAccount] = strawberry.field(
        description="The points in every programme.", metadata=cost(assumed_size=PROGRAMMES)
    )


@strawberry.type
class CustomerQuery:
    @field(
        "The customer with this id or this verified identifier, exactly one of them; null when there is none for "
        "this caller. A channel's credential finds who ordered there, staff and tills find everybody, a customer "
        "finds itself. Errors: INVALID_ID, INVALID_IDENTITY, INVALID_INPUT.",
        require_scope(Scope.CUSTOMERS_READ),
    )
    async def customer(  # noqa: PLR0917 (GraphQL arguments are named)
        self,
        info: Info,
        id: ById = None,  # noqa: A002
        email: ByEmail = None,
        phone: ByPhone = None,
        loyalty_card: ByCard = None,
        phone_country: PhoneCountry = None,
    ) -> Customer | None:
        given = [value for value in (id, email, phone, loyalty_card) if value is not None]
        if len(given) != 1:
            raise InvalidInputError("name exactly one of id, email, phone and loyaltyCard", path=("id",))
        if id is not None:
            return await load_visible_customer(info.context, expect_id("Customer", id))
        if email is not None:
            return await _find(info.context, IdentityEvidence(IdentityKind.EMAIL, email))
        if phone is not None:
            return await _find(info.context, IdentityEvidence(IdentityKind.PHONE, phone, country=phone_country or ""))
        return await _find(info.context, IdentityEvidence(IdentityKind.LOYALTY_CARD, loyalty_card or ""))

    @field("The customer who asks; null when the caller is none.", require_scope(Scope.CUSTOMERS_READ))
    async def me(self, info: Info) -> Customer | None:
        principal = info.context.principal
        if principal.kind is not PrincipalKind.CUSTOMER or principal.customer_id is None:
            return None
        return await load_visible_customer(info.context, principal.customer_id)


@strawberry.type
class LoyaltySubscription:
    @subscription(
        "A customer's points: the state first, then changes. Errors: UNKNOWN_CUSTOMER for whom this caller may not "
        "see, INVALID_ID, INVALID_CURSOR.",
        require_scope(Scope.LOYALTY_READ),
    )
    async def loyalty_changed(
        self, info: Info, customer_id: CustomerId, after: StreamCursor = None
    ) -> AsyncGenerator[LoyaltyEvent, None]:
        context = info.context
        key = expect_id("Customer", customer_id, path=("customerId",))
        if not await sees_customer(context, key):
            raise customers.UnknownCustomerError("there is no such customer", path=("customerId",))
        stream = Stream(
            context.service(EventHub),
            f"loyaltyChanged {key}",
            {loyalty.CHANGED},
            lambda event: event.payload.get("customer_id") == str(key),
        )
        async with AsyncExitStack() as stack:
            followed = await stream.follow(stack, after)
            if followed.begins_with is not None:
                accounts = await load_accounts(context, key)
                yield LoyaltyEvent(kind=followed.begins_with, cursor=followed.cursor, accounts=accounts)
            async for event in followed.events:
                accounts = await load_accounts(context, key)
                cursor = stream.cursor(event.seq)
                yield LoyaltyEvent(kind=StreamEventKind.CHANGE, cursor=cursor, accounts=accounts)


async def _find(context: RequestContext, evidence: IdentityEvidence) -> Customer | None:
    sealer = context.service(Sealer)
    found = await context.read(lambda session: customers.find_customer(session, evidence, sealer))
    return await load_visible_customer(context, found) if found else None
