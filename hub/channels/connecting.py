"""Setting a channel up: create it, prove that it answers, say which place is which."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.sdk.discovery import adapter
from adapters.sdk.errors import AdapterError, AuthFailed
from adapters.sdk.types import ChannelHealth, ChannelKind
from hub.channels.connections import SETTINGS_PURPOSE, open_connection, settings_error
from hub.channels.errors import (
    ChannelCodeTakenError,
    ChannelCredentialsRefusedError,
    ChannelSettingsInvalidError,
    ChannelUnreachableError,
    ExternalLocationTakenError,
    LocationUnknownError,
)
from hub.channels.models import Channel, WeightUnit
from hub.infra import audit
from hub.infra.database import WriteSession
from hub.infra.sealing import Sealer
from hub.kernel.errors import InvalidInputError
from hub.kernel.ids import new_id
from hub.kernel.money import currency_exponent
from hub.kernel.principal import Principal, Scope

DIRECT: Final = "direct"
"""The `system` of a channel without an adapter: its programs use the hub's API themselves."""


@dataclass(frozen=True, slots=True)
class CreateChannel:
    """`settings` are the adapter's, as entered; they hold secrets. None: a DIRECT channel."""

    code: str
    name: str
    kind: ChannelKind
    currency: str
    prices_include_tax: bool
    system: str = DIRECT
    settings: Mapping[str, Any] | None = field(default=None, repr=False)
    go_live_at: datetime | None = None
    """Default: now. Orders placed before it are history."""
    weight_unit: WeightUnit = WeightUnit.KILOGRAM
    stock_buffer: int = 0
    publishes_stock: bool = True


async def create_channel(
    session: WriteSession, command: CreateChannel, *, principal: Principal, sealer: Sealer
) -> UUID:
    """Create a channel; its settings are checked by its adapter and sealed.

    Raises ScopeMissingError, UnknownSystemError, ChannelSettingsInvalidError, CurrencyError, ChannelCodeTakenError
    or InvalidInputError.
    """
    principal.require(Scope.CHANNELS_WRITE)
    currency_exponent(command.currency)
    if command.stock_buffer < 0:
        raise InvalidInputError("a stock buffer is 0 or more units", path=("stockBuffer",))
    _check_settings(command)
    now: datetime = (await session.execute(text("SELECT hub_now()"))).scalar_one()
    channel = _row(command, now, sealer)
    try:
        async with session.begin_nested():
            session.add(channel)
            await session.flush()
    except IntegrityError as error:
        raise _refusal(error, command) from None
    shown = {"code": command.code, "kind": command.kind.value, "system": command.system, "currency": command.currency}
    await audit.record(session, principal, "channelCreate", audit.hash_input(shown), [channel.id])
    return channel.id


async def check_channel(channel: Channel, sealer: Sealer) -> ChannelHealth:
    """Ask the channel who we are. Raises ChannelCredentialsRefusedError or ChannelUnreachableError."""
    connection = open_connection(channel, sealer)
    try:
        return await connection.check()
    except AuthFailed:
        message = f"{channel.code} does not accept the credentials; enter new ones"
        raise ChannelCredentialsRefusedError(message) from None
    except AdapterError as error:
        raise ChannelUnreachableError(f"{channel.code} did not answer as it should: {error}") from None
    finally:
        await connection.close()


async def map_location(
    session: WriteSession,
    channel: Channel,
    location_code: str,
    external_location_id: str | None,
    *,
    principal: Principal,
) -> UUID:
    """Put a location into the channel's pool, under the channel's own name for it. Repeating is harmless.

    Raises LocationUnknownError or ExternalLocationTakenError.
    """
    principal.require(Scope.CHANNELS_WRITE)
    principal.require_channel(channel.id)
    found = await session.execute(text("SELECT id FROM locations WHERE code = :code"), {"code": location_code})
    location_id: UUID | None = found.scalar_one_or_none()
    if location_id is None:
        raise LocationUnknownError(f"there is no location {location_code[:80]!r}", path=("location",))
    values = {"channel": channel.id, "location": location_id, "external": external_location_id}
    try:
        async with session.begin_nested():
            await session.execute(_MAP, values)
    except IntegrityError:
        message = f"another location of {channel.code} is already called {str(external_location_id)[:80]!r}"
        raise ExternalLocationTakenError(message, path=("externalLocationId",)) from None
    hashed = audit.hash_input({name: str(value) for name, value in values.items()})
    await audit.record(session, principal, "channelMapLocation", hashed, [channel.id, location_id])
    return location_id


_MAP = text(
    """
    INSERT INTO channel_locations (channel_id, location_id, external_location_id)
    VALUES (:channel, :location, :external)
    ON CONFLICT ON CONSTRAINT channel_pool_holds_a_location_once
        DO UPDATE SET external_location_id = excluded.external_location_id
    """
)


def _check_settings(command: CreateChannel) -> None:
    if command.system == DIRECT:
        if command.settings:
            raise ChannelSettingsInvalidError("a direct channel has no adapter settings", path=("settings",))
        return
    found = adapter(command.system)
    if command.kind not in found.kinds:
        known = ", ".join(kind.value for kind in found.kinds)
        raise InvalidInputError(f"{found.title} can be of kind {known}", path=("kind",))
    try:
        found.settings_model.model_validate(dict(command.settings or {}))
    except ValidationError as error:
        raise settings_error(error) from None


def _row(command: CreateChannel, now: datetime, sealer: Sealer) -> Channel:
    channel_id = new_id()
    sealed = None
    if command.system != DIRECT:
        plain = json.dumps(dict(command.settings or {}), ensure_ascii=False).encode()
        sealed = sealer.seal(SETTINGS_PURPOSE, channel_id, plain)
    return Channel(
        id=channel_id,
        code=command.code,
        name=command.name,
        kind=command.kind.value,
        system=command.system,
        currency=command.currency,
        prices_include_tax=command.prices_include_tax,
        weight_unit=command.weight_unit.value,
        go_live_at=command.go_live_at or now,
        stock_buffer=command.stock_buffer,
        publishes_stock=command.publishes_stock and sealed is not None,
        settings_encrypted=sealed,
        created_at=now,
    )


def _refusal(error: IntegrityError, command: CreateChannel) -> Exception:
    words = str(error.orig)
    if "channel_code_is_unique" in words:
        return ChannelCodeTakenError(f"there is a channel {command.code!r} already", path=("code",))
    if "channel_code_is_a_slug" in words:
        message = "a channel's code is 1 to 63 of a-z, 0-9 and '-', beginning with a letter or digit"
        return InvalidInputError(message, path=("code",))
    return error
