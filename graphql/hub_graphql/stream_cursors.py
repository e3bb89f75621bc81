"""Where a subscriber stands in the stream of events, and how it begins: with the state, or where it left off."""

from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import strawberry
from strawberry import enum_value

from hub.infra.events import EventHub, ResyncRequiredError, StreamedEvent
from hub.infra.subscription import Filter, Subscription
from hub_graphql.pagination import cursor_scope, decode_cursor, encode_cursor

StreamCursor = Annotated[
    str | None,
    strawberry.argument(description="Go on after this event instead of beginning with the state; else RESYNC."),
]

CURSOR = "Pass it as `after` to go on from here; kept for 24 hours."


@strawberry.enum(description="Why an event was sent.")
class StreamEventKind(Enum):
    STATE = enum_value("STATE", description="The current state, or a part of it.")
    CHANGE = enum_value("CHANGE", description="What changed, at most every 100 ms per object, as it is now.")
    RESYNC = enum_value("RESYNC", description="The cursor is too old: forget what you knew; here is the state.")


@dataclass(frozen=True, slots=True)
class Followed:
    """Events to follow. `begins_with` is how the state is to be told first, None when the subscriber has it; the
    state must be as new as `seq`."""

    events: Subscription[StreamedEvent]
    begins_with: StreamEventKind | None
    seq: int
    cursor: str


class Stream:
    """One subscription's part of the stream: `name` binds its cursors to what it subscribed to."""

    def __init__(self, hub: EventHub, name: str, topics: Collection[str], about: Filter[StreamedEvent]) -> None:
        self._hub = hub
        self._scope = cursor_scope(name)
        self._topics = topics
        self._about = about

    async def follow(self, stack: AsyncExitStack, after: str | None) -> Followed:
        """Subscribe now, or after a cursor. The newest event of an object replaces older ones. Raises CursorError."""
        kind = StreamEventKind.STATE
        if after is not None:
            since = self._position(after)
            try:
                kept = self._hub.subscribe(self._topics, self._about, after_seq=since, coalesce=True)
                return Followed(await stack.enter_async_context(kept), None, since, after)
            except ResyncRequiredError:
                kind = StreamEventKind.RESYNC
        live = self._hub.subscribe(self._topics, self._about, coalesce=True)
        return Followed(await stack.enter_async_context(live), kind, self._hub.cursor, self.cursor(self._hub.cursor))

    def cursor(self, seq: int) -> str:
        return encode_cursor(self._scope, (seq,))

    def _position(self, after: str) -> int:
        [seq] = decode_cursor(after, self._scope, (int,))
        return seq if isinstance(seq, int) else -1
