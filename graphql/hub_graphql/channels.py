"""Channels in the API: what they are, and which one a caller means."""

import re
from enum import Enum
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub.channels import ChannelNotFoundError
from hub.channels import views as channels
from hub.channels.views import ChannelView
from hub.kernel.errors import InvalidInputError
from hub.kernel.principal import Scope
from hub_graphql.context import RequestContext
from hub_graphql.ids import expect_id, global_id
from hub_graphql.nodes import Node, register_node
from hub_graphql.words import known

_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@strawberry.enum(description="What sort of system a channel is.")
class ChannelKind(Enum):
    STOREFRONT = enum_value("STOREFRONT", description="A web shop or app of the retailer.")
    MARKETPLACE = enum_value("MARKETPLACE", description="A marketplace where others sell too.")
    SOCIAL = enum_value("SOCIAL", description="A shop inside a social network.")
    POS = enum_value("POS", description="Tills of stores.")
    WAREHOUSE = enum_value("WAREHOUSE", description="A warehouse or logistics system.")
    ERP = enum_value("ERP", description="The retailer's back office.")


@strawberry.type(description="One connected system that sells, stores or books.")
class Channel(Node):
    code: str = strawberry.field(description="Its short name, unique among channels; accepted wherever an id is.")
    name: str = strawberry.field(description="Its name for people.")
    kind: ChannelKind | None = strawberry.field(description="What it is; null for a kind newer than this API.")
    currency_code: str = strawberry.field(description="The ISO 4217 code of its prices.")
    prices_include_tax: bool = strawberry.field(description="Whether its prices include tax.")
    active: bool = strawberry.field(description="Whether it sells now.")


def channel_node(view: ChannelView) -> Channel:
    return Channel(
        id=global_id("Channel", view.id),
        code=view.code,
        name=view.name,
        kind=known(ChannelKind, view.kind),
        currency_code=view.currency,
        prices_include_tax=view.prices_include_tax,
        active=view.active,
    )


async def channel_reference(context: RequestContext, key: UUID) -> Channel | None:
    """The channel behind a reference in an object that the caller may see."""
    view = await context.load(channels.channels_by_ids, key)
    return channel_node(view) if view else None


async def load_channel(context: RequestContext, key: UUID) -> Channel | None:
    """The channel, unless the caller is bound to another one."""
    return await channel_reference(context, key) if context.principal.channel_id in {None, key} else None


async def find_channel(context: RequestContext, text: str, *, path: tuple[str, ...] = ("channel",)) -> ChannelView:
    """The channel with this code or global id. Raises ChannelNotAllowedError when the caller is bound to another
    one, and ChannelNotFoundError.
    """
    if _CODE.fullmatch(text):
        view = await context.load(channels.channels_by_codes, text)
    else:
        view = await context.load(channels.channels_by_ids, expect_id("Channel", text, path=path))
    if context.principal.channel_id is not None:
        # Whether another channel exists is none of a bound credential's business.
        context.principal.require_channel(view.id if view else UUID(int=0))
    if view is None:
        raise ChannelNotFoundError(f"there is no channel {text[:60]!r}; give its code or id", path=path)
    return view


async def meant_channel(
    context: RequestContext, text: str | None, *, path: tuple[str, ...] = ("channel",)
) -> ChannelView | None:
    """The channel named, else the caller's own, else None."""
    if text is not None:
        return await find_channel(context, text, path=path)
    if context.principal.channel_id is None:
        return None
    return await context.load(channels.channels_by_ids, context.principal.channel_id)


async def needed_channel(
    context: RequestContext, text: str | None, *, path: tuple[str, ...] = ("channel",)
) -> ChannelView:
    """As `meant_channel`. Raises InvalidInputError when neither names one."""
    found = await meant_channel(context, text, path=path)
    if found is None:
        raise InvalidInputError("this credential belongs to no channel: name one by its code or id", path=path)
    return found


register_node("Channel", load_channel, Scope.CATALOG_READ, Scope.CHANNELS_READ)
