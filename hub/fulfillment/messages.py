"""Events and work that follow a change in a store's queue."""

FULFILLMENT_ORDER_CHANGED = "fulfillment_order.changed"
"""Topic; the entity is the fulfillment order."""

PUSH_WORK = "fulfillment.push"
"""Kind of the work row that tells a channel of a hand-over; the subject is the fulfillment order id."""
