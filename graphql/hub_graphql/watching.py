"""Availability as it changes: the current state first, then each change, resumable for as long as events are kept."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from dataclasses import field as member
from typing import Annotated
from uuid import UUID

import strawberry

from hub.inventory import STOCK_CHANGED, AvailabilityFeed, Seen, UnknownVariantError, Watched, bundle_parts
from hub.kernel.errors import InvalidInputError
from hub.kernel.principal import Scope
from hub_graphql.availability import DEFAULT_METHOD, Availability, Method, OnChannel, Question, promised, unknown_sku
from hub_graphql.catalog import visible_variants
from hub_graphql.channels import needed_channel
from hub_graphql.context import Info
from hub_graphql.cost import cost
from hub_graphql.fields import subscription
from hub_graphql.permissions import require_scope
from hub_graphql.stream_cursors import CURSOR, Stream, StreamCursor, StreamEventKind

MAX_WATCHED = 100
MAX_STATE_AGE_SECONDS = 1.0


@strawberry.type(description="Availability that was read or changed.")
class AvailabilityEvent:
    kind: StreamEventKind = strawberry.field(description="Why it was sent.")
    cursor: str = strawberry.field(description=CURSOR)
    availabilities: list[Availability] = strawberry.field(description="The newest values.")


Skus = Annotated[list[str], strawberry.argument(description="Skus to watch, 1 to 100.")]


@dataclass
class _Watch:
    """One subscriber: what it watches and what it was last told."""

    feed: AvailabilityFeed
    question: Question
    skus: Mapping[UUID, str]
    stream: Stream
    bundles: Mapping[UUID, Sequence[UUID]]
    """Component → the watched bundles that it is part of."""
    told: dict[Watched, Seen] = member(default_factory=dict)

    async def state(self, kind: StreamEventKind, seq: int) -> AvailabilityEvent:
        keys = [self._key(variant_id) for variant_id in self.skus]
        self.told = await self.feed.read(keys, since_seq=seq, max_age_seconds=MAX_STATE_AGE_SECONDS)
        return self._event(kind, seq, keys)

    async def change(self, variant_id: UUID, seq: int) -> AvailabilityEvent | None:
        """None when the subscriber already knows the values that this change led to."""
        concerned = (*((variant_id,) if variant_id in self.skus else ()), *self.bundles.get(variant_id, ()))
        keys = [self._key(one) for one in concerned]
        keys = [key for key in keys if key not in self.told or self.told[key].seq < seq]
        before = {key: self.told.get(key) for key in keys}
        now = await self.feed.read(keys, since_seq=seq) if keys else {}
        self.told |= now
        changed = [key for key in keys if (known := before[key]) is None or not _same(known, now[key])]
        return self._event(StreamEventKind.CHANGE, seq, changed) if changed else None

    def _key(self, variant_id: UUID) -> Watched:
        # Only channels are watched; a promise at one location is no channel's.
        channel_id = self.question.channel_id or UUID(int=0)
        return Watched(variant_id, channel_id, self.question.method)

    def _event(self, kind: StreamEventKind, seq: int, keys: Collection[Watched]) -> AvailabilityEvent:
        return AvailabilityEvent(
            kind=kind,
            cursor=self.stream.cursor(seq),
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
        method: Method = DEFAULT_METHOD,
        after: StreamCursor = None,
    ) -> AsyncGenerator[AvailabilityEvent, None]:
        wanted = await _watched(info, skus)
        found = await needed_channel(info.context, channel)
        bundles = await _bundles(info, wanted)
        await info.context.refresh()
        feed = info.context.service(AvailabilityFeed)
        question = Question(channel_id=found.id, method=method.name if method else None)
        concerning = wanted.keys() | bundles.keys()
        stream = Stream(
            feed.events, "availabilityChanged", {STOCK_CHANGED}, lambda event: event.entity_id in concerning
        )
        watch = _Watch(feed, question, wanted, stream, bundles)
        async with AsyncExitStack() as stack:
            followed = await stream.follow(stack, after)
            if followed.begins_with is not None:
                yield await watch.state(followed.begins_with, followed.seq)
            async for event in followed.events:
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


async def _bundles(info: Info, wanted: Mapping[UUID, str]) -> dict[UUID, list[UUID]]:
    """Component → those of the variants that it is part of."""
    found: dict[UUID, list[UUID]] = {}
    made_of = await info.context.load_many(bundle_parts, list(wanted))
    for bundle_id, parts in zip(wanted, made_of, strict=True):
        for part in parts or ():
            found.setdefault(part.variant_id, []).append(bundle_id)
    return found


def _same(before: Seen, now: Seen) -> bool:
    if before.promise is None or now.promise is None:
        return before.promise is now.promise
    return (before.promise.quantity, before.promise.doubtful) == (now.promise.quantity, now.promise.doubtful)
