"""The hub's Prometheus metrics: one registry per process, every name beginning with `hub_`.

`docs/reference/metrics.md` lists them all; a test compares the two.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry(auto_describe=True)

relay_lag_seconds = Gauge("hub_relay_lag_seconds", "Age of the oldest event waiting in the outbox.", registry=REGISTRY)
relay_moved = Counter("hub_relay_moved", "Events moved from the outbox to the event table.", registry=REGISTRY)
events_delivered = Counter("hub_events_delivered", "Events handed to subscribers of this process.", registry=REGISTRY)
events_subscribers = Gauge("hub_events_subscribers", "Open subscriptions to events in this process.", registry=REGISTRY)
events_subscribers_dropped = Counter(
    "hub_events_subscribers_dropped", "Subscriptions closed because they read too slowly.", registry=REGISTRY
)
consumer_lag = Gauge(
    "hub_events_consumer_lag", "Events a durable consumer has not seen yet.", ["consumer"], registry=REGISTRY
)
request_seconds = Histogram(
    "hub_request_seconds",
    "Time from a request to the end of its response, by road and status; a WebSocket counts when it ends.",
    ["road", "status"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
    registry=REGISTRY,
)
stock_batch_size = Histogram(
    "hub_stock_batch_size",
    "Stock mutations that shared one transaction.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
    registry=REGISTRY,
)
stock_batches_split = Counter(
    "hub_stock_batches_split", "Batches that failed and were tried again one by one.", registry=REGISTRY
)
stock_overloaded = Counter(
    "hub_stock_overloaded", "Stock mutations turned away because too many were waiting.", registry=REGISTRY
)
work_ended = Counter(
    "hub_work_ended",
    "Claims that ended, by outcome: done, again, failed, quarantined, lost.",
    ["kind", "outcome"],
    registry=REGISTRY,
)
work_seconds = Histogram(
    "hub_work_seconds",
    "Time from claim to end of a piece of work.",
    ["kind"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60),
    registry=REGISTRY,
)
work_due = Gauge("hub_work_due", "Rows of work that are due and unclaimed.", ["queue"], registry=REGISTRY)
work_oldest_due_seconds = Gauge(
    "hub_work_oldest_due_seconds", "How long the oldest due row has waited.", ["queue"], registry=REGISTRY
)
work_quarantined = Gauge("hub_work_quarantined", "Rows of work set aside for a person.", ["queue"], registry=REGISTRY)
wakeups_sent = Counter(
    "hub_wakeups_sent", "Wake-ups published, by road: events, outbox, work.", ["road"], registry=REGISTRY
)
wakeups_failed = Counter(
    "hub_wakeups_failed", "Wake-ups that Redis did not take; the tick replaces them.", registry=REGISTRY
)
scheduler_leader = Gauge("hub_scheduler_leader", "1 in the process that holds the scheduler's lock.", registry=REGISTRY)
job_seconds = Histogram(
    "hub_job_seconds",
    "Time of one run of a periodic job.",
    ["job"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
    registry=REGISTRY,
)
job_failures = Counter("hub_job_failures", "Runs of a periodic job that raised.", ["job"], registry=REGISTRY)
reservations_lapsed = Counter("hub_reservations_lapsed", "Reservations whose time ran out.", registry=REGISTRY)
stock_difference_units = Counter(
    "hub_stock_difference_units",
    "Units by which receipts and counts differed from what was expected.",
    ["document", "direction", "reason"],
    registry=REGISTRY,
)
order_holds_ended = Counter(
    "hub_order_holds_ended", "Orders whose hold a person ended.", ["reason", "decision"], registry=REGISTRY
)
fulfillment_orders_relieved = Counter(
    "hub_fulfillment_orders_relieved",
    "Fulfillment orders taken out of a store's queue because its stock cannot serve them.",
    registry=REGISTRY,
)
pos_facts = Counter(
    "hub_pos_facts",
    "Receipts that terminals reported, by outcome: recorded, known, refused.",
    ["kind", "outcome"],
    registry=REGISTRY,
)
pos_promises_affected = Counter(
    "hub_pos_promises_affected", "Holds and fulfillment orders that a reported sale put at risk.", registry=REGISTRY
)
rfid_sessions = Counter(
    "hub_rfid_sessions", "Read sessions that were opened and closed.", ["purpose", "step"], registry=REGISTRY
)
rfid_tags = Counter(
    "hub_rfid_tags", "Tags posted to read sessions: added, repeated, refused.", ["result"], registry=REGISTRY
)
rfid_proposals = Counter(
    "hub_rfid_proposals",
    "Count proposals that somebody decided to apply: applied, refused.",
    ["result"],
    registry=REGISTRY,
)
pruned = Counter("hub_pruned", "Rows deleted because their time was over.", ["table"], registry=REGISTRY)


def exposition() -> bytes:
    """All metrics of this process in Prometheus' text format."""
    return generate_latest(REGISTRY)
