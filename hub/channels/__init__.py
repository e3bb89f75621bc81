"""Connected systems, their credentials, and the locations they sell from."""

from hub.channels import views
from hub.channels.connecting import DIRECT, CreateChannel, check_channel, create_channel, map_location
from hub.channels.connections import Connections, open_connection
from hub.channels.errors import (
    ChannelCodeTakenError,
    ChannelCredentialsRefusedError,
    ChannelNotConnectedError,
    ChannelNotFoundError,
    ChannelSettingsInvalidError,
    ChannelUnreachableError,
    ExternalLocationTakenError,
    LocationUnknownError,
)
from hub.channels.models import Channel, ChannelLocation, Terminal, WeightUnit
from hub.channels.repository import (
    channel_by_code,
    channel_by_id,
    connected_channel_ids,
    external_locations,
    list_channels,
)

__all__ = [
    "DIRECT",
    "Channel",
    "ChannelCodeTakenError",
    "ChannelCredentialsRefusedError",
    "ChannelLocation",
    "ChannelNotConnectedError",
    "ChannelNotFoundError",
    "ChannelSettingsInvalidError",
    "ChannelUnreachableError",
    "Connections",
    "CreateChannel",
    "ExternalLocationTakenError",
    "LocationUnknownError",
    "Terminal",
    "WeightUnit",
    "channel_by_code",
    "channel_by_id",
    "check_channel",
    "connected_channel_ids",
    "create_channel",
    "external_locations",
    "list_channels",
    "map_location",
    "open_connection",
    "views",
]
