"""Who sees which order and which customer. Pure: what the database has to be asked for is given."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub.orders.models import Order


@dataclass(frozen=True, slots=True)
class Reach:
    """The orders that a list shows: of this customer, else of this channel or with a part at these locations.

    All None: every order.
    """

    customer_id: UUID | None = None
    channel_id: UUID | None = None
    location_ids: frozenset[UUID] | None = None


def reach_of(principal: Principal) -> Reach:
    """The same rule as `sees_order`, for lists. A customer principal without a customer reaches nobody's orders."""
    if principal.kind is PrincipalKind.CUSTOMER:
        return Reach(customer_id=principal.customer_id or UUID(int=0))
    return Reach(channel_id=principal.channel_id, location_ids=principal.location_ids)


def sees_order(principal: Principal, order: Order, places: Collection[UUID]) -> bool:
    """`places`: the locations that have a part of it, to fulfil or taken back.

    A customer sees its own orders. A credential bound to a channel sees that channel's, one bound to locations
    those with a part there; a till is bound to both and sees either.
    """
    reach = reach_of(principal)
    if reach.customer_id is not None:
        return order.customer_id == reach.customer_id
    if reach.channel_id is None and reach.location_ids is None:
        return True
    return order.channel_id == reach.channel_id or not (reach.location_ids or frozenset()).isdisjoint(places)


def serves_anybody(principal: Principal) -> bool:
    """Whether any customer may be looked up, once customers:read is held.

    Staff and tills serve whoever stands before them, whatever channel they bought in so far. A channel's own
    credential knows the customers who ordered there; a customer knows itself.
    """
    if principal.kind is PrincipalKind.CUSTOMER:
        return False
    return principal.kind is not PrincipalKind.MACHINE or principal.channel_id is None or bool(principal.terminal_id)


def may_take_back(principal: Principal, order: Order, places: Collection[UUID]) -> bool:
    """What was bought elsewhere comes back anywhere: its customer's history showed it to whoever serves anybody."""
    if sees_order(principal, order, places):
        return True
    shown = principal.may(Scope.CUSTOMERS_READ) and serves_anybody(principal)
    return shown and order.customer_id is not None
