"""Connected systems, their credentials, and what they have been told."""

from hub.channels.models import Channel, ChannelLocation, Terminal, WeightUnit

__all__ = ["Channel", "ChannelLocation", "Terminal", "WeightUnit"]
