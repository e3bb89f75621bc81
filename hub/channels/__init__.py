"""Connected systems, their credentials, and what they have been told."""

from hub.channels import repository
from hub.channels.models import Channel, ChannelLocation, Terminal, WeightUnit
from hub.channels.repository import ChannelView

__all__ = ["Channel", "ChannelLocation", "ChannelView", "Terminal", "WeightUnit", "repository"]
