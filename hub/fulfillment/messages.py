"""Events and work that follow a change in a store's queue."""

FULFILLMENT_ORDER_CHANGED = "fulfillment_order.changed"
"""Topic; the entity is the fulfillment order."""

PUSH_WORK = "fulfillment.push"
"""Kind of the work row that tells a channel of a hand-over; the subject is the fulfillment order id."""

RELIEVE_WORK = "fulfillment.relieve"
"""Kind of the work row that takes what stock cannot serve out of a store's queue; the subject is the fulfillment
order id."""
