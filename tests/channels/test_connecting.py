"""Channels are set up once, their settings sealed, and refusals name what is wrong without repeating it."""

from typing import Any

import pytest
from sqlalchemy import text

from adapters.sdk.discovery import UnknownSystemError
from adapters.sdk.memory import MemoryChannel
from adapters.sdk.types import ChannelKind
from hub.channels import (
    ChannelCodeTakenError,
    ChannelCredentialsRefusedError,
    ChannelNotConnectedError,
    ChannelNotFoundError,
    ChannelSettingsInvalidError,
    Connections,
    CreateChannel,
    ExternalLocationTakenError,
    LocationUnknownError,
    channel_by_code,
    check_channel,
    connected_channel_ids,
    create_channel,
    list_channels,
    map_location,
    open_connection,
)
from hub.infra.database import Database
from hub.infra.sealing import Sealer, SecretKey
from hub.kernel.errors import InvalidInputError
from hub.kernel.principal import SYSTEM, Scope, ScopeMissingError
from tests.factories import make_location, make_principal

SEALER = Sealer(SecretKey(b"5" * 32))
SECRET = "canary-secret-token"


def command(code: str = "shop", **changes: Any) -> CreateChannel:
    fields: dict[str, Any] = {
        "code": code,
        "name": "Shop",
        "kind": ChannelKind.STOREFRONT,
        "currency": "EUR",
        "prices_include_tax": True,
        "system": "memory",
        "settings": {"channel": code, "token": SECRET},
    }
    return CreateChannel(**fields | changes)


async def create(database: Database, made: CreateChannel) -> Any:
    async with database.write() as session:
        channel_id = await create_channel(session, made, principal=SYSTEM, sealer=SEALER)
    async with database.read() as session:
        channel = await channel_by_code(session, made.code)
    assert channel.id == channel_id
    return channel


async def test_settings_are_sealed_and_open_a_connection(database: Database) -> None:
    MemoryChannel.named("sealed").token = SECRET
    channel = await create(database, command("sealed"))
    async with database.read() as session:
        stored = (await session.execute(text("SELECT row_to_json(channels)::text FROM channels"))).scalar_one()
        audited = (await session.execute(text("SELECT operation FROM audit_log"))).scalar_one()
    assert SECRET not in stored
    assert SECRET.encode() not in channel.settings_encrypted
    assert audited == "channelCreate"
    assert (await check_channel(channel, SEALER)).ok


async def test_refused_credentials_are_told_without_a_secret(database: Database) -> None:
    channel = await create(database, command("refused"))
    with pytest.raises(ChannelCredentialsRefusedError) as caught:
        await check_channel(channel, SEALER)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "error", "path"),
    [
        ({"system": "teleport"}, UnknownSystemError, ("system",)),
        ({"settings": {"token": "", "unknown": SECRET}}, ChannelSettingsInvalidError, ("settings", "unknown")),
        ({"settings": {"channel": SECRET * 0}}, ChannelSettingsInvalidError, ("settings", "channel")),
        ({"kind": ChannelKind.ERP}, InvalidInputError, ("kind",)),
        ({"code": "Not A Slug"}, InvalidInputError, ("code",)),
        ({"stock_buffer": -1}, InvalidInputError, ("stockBuffer",)),
        ({"system": "direct"}, ChannelSettingsInvalidError, ("settings",)),
    ],
)
async def test_a_wrong_set_up_is_refused_and_nothing_is_kept(
    database: Database, changes: dict[str, Any], error: type[InvalidInputError], path: tuple[str, ...]
) -> None:
    with pytest.raises(error) as caught:
        await create(database, command(**{"code": "shop", **changes}))
    assert caught.value.path == path
    assert SECRET not in caught.value.message
    async with database.read() as session:
        assert await list_channels(session) == []


async def test_a_code_is_taken_once_and_creating_needs_a_scope(database: Database) -> None:
    await create(database, command())
    with pytest.raises(ChannelCodeTakenError):
        await create(database, command())
    nobody = make_principal(scopes=frozenset({Scope.CHANNELS_READ}))
    with pytest.raises(ScopeMissingError):
        async with database.write() as session:
            await create_channel(session, command("other"), principal=nobody, sealer=SEALER)


async def test_a_direct_channel_has_no_connection_and_publishes_nothing(database: Database) -> None:
    channel = await create(database, command("direct-shop", system="direct", settings=None))
    assert not channel.publishes_stock
    with pytest.raises(ChannelNotConnectedError):
        open_connection(channel, SEALER)
    async with database.read() as session:
        assert await connected_channel_ids(session) == []
        with pytest.raises(ChannelNotFoundError):
            await channel_by_code(session, "nobody")


async def test_a_process_keeps_one_connection_per_version_of_the_settings(database: Database) -> None:
    channel = await create(database, command())
    connections = Connections(lambda: SEALER)
    first = connections.of(channel)
    assert connections.of(channel) is first
    channel.version += 1
    assert connections.of(channel) is not first
    await connections.close()


async def test_a_location_is_mapped_again_but_a_name_is_given_once(database: Database) -> None:
    channel = await create(database, command())
    async with database.write() as session:
        berlin = await make_location(session, "berlin")
        await make_location(session, "hamburg")
    for external in ("L1", "L2", "L2"):
        async with database.write() as session:
            assert await map_location(session, channel, "berlin", external, principal=SYSTEM) == berlin
    with pytest.raises(ExternalLocationTakenError):
        async with database.write() as session:
            await map_location(session, channel, "hamburg", "L2", principal=SYSTEM)
    with pytest.raises(LocationUnknownError):
        async with database.write() as session:
            await map_location(session, channel, "atlantis", "L3", principal=SYSTEM)
    async with database.read() as session:
        found = (await session.execute(text("SELECT external_location_id FROM channel_locations"))).scalars().all()
    assert found == ["L2"]
