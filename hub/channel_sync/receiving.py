"""A delivery arrives: verified over its raw bytes, stored, committed; only then is it acknowledged."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from adapters.sdk.capabilities import ReceivesWebhooks
from adapters.sdk.errors import AuthFailed, ContractBroken
from adapters.sdk.types import EventTopic, RawWebhook, VerifiedEvent
from hub.channel_sync.errors import WebhookSignatureError, WebhooksNotSupportedError, stored_error
from hub.channel_sync.inbox import Misfit, receive
from hub.channels import ChannelNotFoundError, Connections, channel_by_code
from hub.infra.database import Database
from hub.kernel.clock import utc_now


class Receipt(StrEnum):
    """What became of a delivery; each of them is acknowledged."""

    STORED = "STORED"
    DUPLICATE = "DUPLICATE"
    PARKED = "PARKED"
    DROPPED = "DROPPED"


@dataclass(frozen=True, slots=True)
class _Understood:
    event: VerifiedEvent
    misfit: Misfit | None


async def receive_webhook(
    database: Database, connections: Connections, channel_code: str, delivery: RawWebhook
) -> Receipt:
    """Once this returns, the delivery is safe and may be answered 200; a repetition is harmless.

    Raises ChannelNotFoundError (also for one that is switched off), WebhooksNotSupportedError and
    WebhookSignatureError.
    """
    async with database.write() as session:
        channel = await channel_by_code(session, channel_code)
        if not channel.active or channel.settings_encrypted is None:
            raise ChannelNotFoundError(f"there is no channel {channel_code[:80]!r}", path=("channel",))
        connection = connections.of(channel)
        if not isinstance(connection, ReceivesWebhooks):
            raise WebhooksNotSupportedError("this channel's system sends no webhooks", path=("channel",))
        understood = _verify(connection, delivery)
        if understood.event.topic is EventTopic.IGNORED:
            return Receipt.DROPPED
        stored = await receive(
            session,
            channel.id,
            understood.event,
            delivery.body,
            delivery.headers,
            sealer=connections.sealer,
            misfit=understood.misfit,
        )
    if stored is None:
        return Receipt.DUPLICATE
    return Receipt.STORED if understood.misfit is None else Receipt.PARKED


def _verify(connection: ReceivesWebhooks, delivery: RawWebhook) -> _Understood:
    """Genuine deliveries that say nothing we know are kept for a person; forged ones leave no trace."""
    try:
        event = connection.verify(delivery, now=utc_now())
    except AuthFailed:
        raise WebhookSignatureError(
            "the signature over the raw body is missing, wrong or stale; check the channel's webhook secret"
        ) from None
    except ContractBroken as error:
        digest = hashlib.sha256(delivery.body).hexdigest()
        return _Understood(VerifiedEvent(f"body:{digest}", EventTopic.UNKNOWN, ""), Misfit(*stored_error(error)))
    if event.topic is EventTopic.UNKNOWN:
        return _Understood(event, Misfit("UNKNOWN_TOPIC"))
    return _Understood(event, None)
