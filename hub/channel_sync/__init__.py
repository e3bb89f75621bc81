"""The roads between the hub and channel systems: what comes in, what goes out, and whether both agree."""

from hub.channel_sync.catalog_pull import pull_catalog
from hub.channel_sync.checking import check_channels
from hub.channel_sync.errors import (
    InboxRowNotFoundError,
    InboxRowNotParkedError,
    WebhookSignatureError,
    WebhooksNotSupportedError,
)
from hub.channel_sync.inbox import forget_old, inbox_row, parked, replay
from hub.channel_sync.marking import mark_all_dirty, mark_missing, on_events, sweep
from hub.channel_sync.messages import (
    CATALOG_WORK,
    CHANNEL_QUEUE,
    INBOX_QUEUE,
    POLL_WORK,
    PROCESS_WORK,
    PUBLISH_WORK,
    READ_BACK_WORK,
)
from hub.channel_sync.models import (
    ChannelCursor,
    ChannelDrift,
    ChannelPush,
    DriftCause,
    InboxRow,
    InboxState,
    ListingStock,
)
from hub.channel_sync.polling import poll_orders
from hub.channel_sync.processing import process_inbox_row
from hub.channel_sync.publishing import publish_stock
from hub.channel_sync.pushing import push_fulfillment
from hub.channel_sync.reading_back import read_back_stock
from hub.channel_sync.receiving import Receipt, receive_webhook
from hub.channel_sync.status import PublishingStatus, drifts, publishing_status
from hub.channel_sync.tasks import ask_channels, register_channel_jobs, register_channel_work

__all__ = [
    "CATALOG_WORK",
    "CHANNEL_QUEUE",
    "INBOX_QUEUE",
    "POLL_WORK",
    "PROCESS_WORK",
    "PUBLISH_WORK",
    "READ_BACK_WORK",
    "ChannelCursor",
    "ChannelDrift",
    "ChannelPush",
    "DriftCause",
    "InboxRow",
    "InboxRowNotFoundError",
    "InboxRowNotParkedError",
    "InboxState",
    "ListingStock",
    "PublishingStatus",
    "Receipt",
    "WebhookSignatureError",
    "WebhooksNotSupportedError",
    "ask_channels",
    "check_channels",
    "drifts",
    "forget_old",
    "inbox_row",
    "mark_all_dirty",
    "mark_missing",
    "on_events",
    "parked",
    "poll_orders",
    "process_inbox_row",
    "publish_stock",
    "publishing_status",
    "pull_catalog",
    "push_fulfillment",
    "read_back_stock",
    "receive_webhook",
    "register_channel_jobs",
    "register_channel_work",
    "replay",
    "sweep",
]
