"""From a channel's sealed settings to a live connection."""

import json
from collections.abc import Callable
from uuid import UUID

from pydantic import ValidationError

from adapters.sdk.capabilities import Connection
from adapters.sdk.discovery import adapter
from hub.channels.errors import ChannelNotConnectedError, ChannelSettingsInvalidError
from hub.channels.models import Channel
from hub.infra.sealing import Sealer

SETTINGS_PURPOSE = "channels.settings"


def open_connection(channel: Channel, sealer: Sealer) -> Connection:
    """A connection of the channel's adapter, for the caller to close. No I/O.

    Raises ChannelNotConnectedError for a channel without an adapter, ChannelSettingsInvalidError when a newer
    adapter no longer accepts what is stored.
    """
    if channel.settings_encrypted is None:
        raise ChannelNotConnectedError(f"channel {channel.code!r} has no adapter settings", path=("channel",))
    plain = sealer.open(SETTINGS_PURPOSE, channel.id, channel.settings_encrypted)
    found = adapter(channel.system)
    try:
        return found.connect(found.settings_model.model_validate(json.loads(plain)))
    except ValidationError as error:
        raise settings_error(error) from None


class Connections:
    """The open connections of one process, one per channel and version of its settings.

    Belongs to one event loop. `sealer` is asked for when the first connection is opened.
    """

    def __init__(self, sealer: Callable[[], Sealer]) -> None:
        self._make_sealer = sealer
        self._sealer: Sealer | None = None
        self._open: dict[UUID, tuple[int, Connection]] = {}
        self._replaced: list[Connection] = []

    @property
    def sealer(self) -> Sealer:
        if self._sealer is None:
            self._sealer = self._make_sealer()
        return self._sealer

    def of(self, channel: Channel) -> Connection:
        """The channel's connection; a new one when its settings have changed. Raises as `open_connection`."""
        version, known = self._open.get(channel.id, (0, None))
        if known is not None and version == channel.version:
            return known
        opened = open_connection(channel, self.sealer)
        if known is not None:
            # Somebody may be using it right now; it is closed with the others.
            self._replaced.append(known)
        self._open[channel.id] = (channel.version, opened)
        return opened

    async def close(self) -> None:
        connections = [*self._replaced, *(connection for _, connection in self._open.values())]
        self._replaced.clear()
        self._open.clear()
        for connection in connections:
            await connection.close()


def settings_error(error: ValidationError) -> ChannelSettingsInvalidError:
    """The first misfit, without the value."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    path = tuple(str(part) for part in first["loc"])
    return ChannelSettingsInvalidError(f"{'.'.join(path) or 'settings'}: {first['msg']}", path=("settings", *path))
