"""Who sees a store's work, and who is told a pickup code. Pure."""

from hub.fulfillment.models import FulfillmentOrder
from hub.kernel.principal import Principal, PrincipalKind, Scope
from hub.orders import Order


def sees_fulfillment_order(principal: Principal, item: FulfillmentOrder, order: Order) -> bool:
    """A customer sees its own; whoever is bound to locations sees theirs (a till too); a channel sees its orders'."""
    if principal.kind is PrincipalKind.CUSTOMER:
        return principal.customer_id is not None and order.customer_id == principal.customer_id
    if principal.location_ids is not None:
        return item.location_id in principal.location_ids
    return principal.channel_id is None or order.channel_id == principal.channel_id


def may_see_pickup_code(principal: Principal, order: Order) -> bool:
    """The customer, the shop that sold it and central staff with customers:read.

    Never those who hand over: tills and staff of a store ask the customer for it.
    """
    if principal.kind is PrincipalKind.CUSTOMER:
        return principal.customer_id is not None and order.customer_id == principal.customer_id
    if principal.location_ids is not None or principal.terminal_id is not None:
        return False
    if principal.kind is PrincipalKind.STAFF:
        return principal.may(Scope.CUSTOMERS_READ)
    return principal.kind is PrincipalKind.MACHINE and principal.channel_id == order.channel_id
