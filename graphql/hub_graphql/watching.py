"""Availability as it changes: the current state first, then each change, resumable for as long as events are kept."""

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from dataclasses import field as member
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry import enum_value

from hub.infra.events import ResyncRequiredError, StreamedEvent
from hub.infra.subscription import Subscription
from hub.inventory import STOCK_CHANGED, AvailabilityFeed, Seen, UnknownVariantError, Watched
from hub.kernel.errors import InvalidInputError
from hub.kernel.principal import Scope
from hub_graphql.availability import Availability, Method, OnChannel, Question, promised, unknown_sku
from hub_graphql.catalog import visible_variants
from hub_graphql.channels import needed_channel
from hub_graphql.context import Info
from hub_graphql.cost import cost
from hub_graphql.fields import subscription
from hub_graphql.pagination import cursor_scope, decode_cursor, encode_cursor
from hub_graphql.permissions import require_scope

MAX_WATCHED = 100
MAX_STATE_AGE_SECONDS = 1.0
_SCOPE = cursor_scope("availabilityChanged")


@strawberry.enum(description="Why an event of availability was sent.")
class AvailabilityEventKind(Enum):
    STATE = enum_value("STATE", description="The current state of every sku; the first event.")
    CHANGE = enum_value("CHANGE", description="What changed, at most every 100 ms per sku, the newest value only.")
    RESYNC = enum_value(
        "RESYNC", description="The cursor is too old: forget what you knew; here is the current state of every sku."
    )


@strawberry.type(description="Availability that was read or changed.")
class AvailabilityEvent:
    kind: AvailabilityEventKind = strawberry.field(description="Why it was sent.")
    cursor: str = strawberry.field(description="Pass it as `after` to go on from here; kept for 24 hours.")
    availabilities: list[Availability] = strawberry.field(description="The newest values.")


Skus = Annotated[list[str], strawberry.argument(description="Skus to watch, 1 to 100.")]
After = Annotated[
    str | None,
    strawberry.argument(description="Go on after this event instead of beginning with the state; else RESYNC."),
]


@dataclass
class _Watch:
    """One subscriber: what it watches and what it was last told."""

    feed: AvailabilityFeed
    question: Question
    skus: Mapping[UUID, str]
    told: dict[Watched, Seen] = member(default_factory=dict)

    async def state(self, kind: AvailabilityEventKind, seq: int) -> AvailabilityEvent:
        keys = [self._key(variant_id) for variant_id in self.skus]
        self.told = await self.feed.read(keys, since_seq=seq, max_age_seconds=MAX_STATE_AGE_SECONDS)
        return self._event(kind, seq, keys)

    async def change(self, variant_id: UUID, seq: int) -> AvailabilityEvent | None:
        """None when the subscriber already knows the value that this change led to."""
        key = self._key(variant_id)
        before = self.told.get(key)
        if before is not None and before.seq >= seq:
            return None
        now = self.told[key] = (await self.feed.read([key], since_seq=seq))[key]
        if before is not None and _same(before, now):
            return None
        return self._event(AvailabilityEventKind.CHANGE, seq, [key])

    def _key(self, variant_id: UUID) -> Watched:
        # Only channels are watched; a promise at one location is no channel's.
        channel_id = self.question.channel_id or UUID(int=0)
        return Watched(variant_id, channel_id, self.question.method)

    def _event(self, kind: AvailabilityEventKind, seq: int, keys: Collection[Watched]) -> AvailabilityEvent:
        return AvailabilityEvent(
            kind=kind,
            cursor=encode_cursor(_SCOPE, (seq,)),
            availabilities=[self._shown(key) for key in keys],
        )

    def _shown(self, key: Watched) -> Availability:
        sku, promise = self.skus[key.variant_id], self.told[key].promise
        return promised(promise, sku, self.question) if promise else unknown_sku(sku, self.question)


@strawberry.type
class AvailabilitySubscription:
    @subscription(
        "What a channel may promise of some skus: the state first, then changes. Errors: UNKNOWN_SKU, "
        "CHANNEL_NOT_FOUND, CHANNEL_NOT_ALLOWED, INVALID_CURSOR, RESYNC_REQUIRED.",
        require_scope(Scope.CATALOG_READ, Scope.STOCK_READ),
        cost(size_argument="skus"),
    )
    async def availability_changed(
        self,
        info: Info,
        *,
        skus: Skus,
        channel: OnChannel = None,
        method: Method = None,
        after: After = None,
    ) -> AsyncGenerator[AvailabilityEvent, None]:
        wanted = await _watched(info, skus)
        found = await needed_channel(info.context, channel)
        await info.context.refresh()
        feed = info.context.service(AvailabilityFeed)
        question = Question(channel_id=found.id, method=method.name if method else None)
        watch = _Watch(feed, question, wanted)
        async with AsyncExitStack() as stack:
            events, first = await _subscribed(stack, watch, after)
            if first is not None:
                yield first
            async for event in events:
                change = await watch.change(event.entity_id, event.seq)
                if change is not None:
                    yield change


async def _watched(info: Info, skus: list[str]) -> dict[UUID, str]:
    if not 1 <= len(skus) <= MAX_WATCHED:
        raise InvalidInputError(f"watch 1 to {MAX_WATCHED} skus, not {len(skus)}", path=("skus",))
    views = await visible_variants(info.context, skus)
    for sku, view in zip(skus, views, strict=True):
        if view is None:
            raise UnknownVariantError(f"there is no sku {sku[:60]!r}", path=("skus",))
    return {view.id: view.sku for view in views if view is not None}


async def _subscribed(
    stack: AsyncExitStack, watch: _Watch, after: str | None
) -> tuple[Subscription[StreamedEvent], AvailabilityEvent | None]:
    """The events to follow and the first event to send: none when the subscriber goes on where it was."""
    events, kind = watch.feed.events, AvailabilityEventKind.STATE

    def about(event: StreamedEvent) -> bool:
        return event.entity_id in watch.skus

    if after is not None:
        try:
            since = events.subscribe([STOCK_CHANGED], about, after_seq=_position(after), coalesce=True)
            return await stack.enter_async_context(since), None
        except ResyncRequiredError:
            kind = AvailabilityEventKind.RESYNC
    live = await stack.enter_async_context(events.subscribe([STOCK_CHANGED], about, coalesce=True))
    return live, await watch.state(kind, events.cursor)


def _position(after: str) -> int:
    """The `seq` that a cursor stands on. Raises CursorError."""
    [seq] = decode_cursor(after, _SCOPE, (int,))
    return seq if isinstance(seq, int) else -1


def _same(before: Seen, now: Seen) -> bool:
    if before.promise is None or now.promise is None:
        return before.promise is now.promise
    return (before.promise.quantity, before.promise.doubtful) == (now.promise.quantity, now.promise.doubtful)
