"""Kinds of work and their queues. Subjects are ids: of an inbox row, a channel, a fulfillment order, an order."""

from typing import Final

INBOX_QUEUE: Final = "inbox"
CHANNEL_QUEUE: Final = "channels"
"""Work that waits for a channel's answers; the queue of `fulfillment.push` too."""

PROCESS_WORK: Final = "inbox.process"
POLL_WORK: Final = "orders.poll"
PUBLISH_WORK: Final = "stock.publish"
READ_BACK_WORK: Final = "stock.read_back"
CATALOG_WORK: Final = "catalog.pull"

PUBLISH_DELAY_SECONDS: Final = 0.5
"""Movements within this span are published as one value."""
