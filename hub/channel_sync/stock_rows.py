"""All SQL of `listing_stock` and `channel_drifts`. Rows are added by listing, then locked in order of their id."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from adapters.sdk.types import ListingRef
from hub.channel_sync.models import DriftCause
from hub.channel_sync.rules import PublishedRow
from hub.infra.database import AnySession, WriteSession
from hub.kernel.ids import new_id

MAX_ROWS = 2_000

_PUBLISHABLE = """
    listings AS l JOIN channels AS c ON c.id = l.channel_id
        AND c.publishes_stock AND c.active AND c.settings_encrypted IS NOT NULL
"""
_ADD_VARIANTS = text(
    f"""
    INSERT INTO listing_stock (id, listing_id, channel_id, variant_id)
    SELECT uuidv7(), l.id, l.channel_id, l.variant_id
    FROM {_PUBLISHABLE}
    WHERE l.variant_id = ANY(:variants) AND l.external_variant_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM listing_stock AS ls WHERE ls.listing_id = l.id)
    ORDER BY l.id
    ON CONFLICT ON CONSTRAINT listing_is_published_once_per_place DO NOTHING
    """
)
_MARK_VARIANTS = text(
    """
    WITH locked AS (
        SELECT ls.id FROM listing_stock AS ls
        JOIN channels AS c ON c.id = ls.channel_id AND c.publishes_stock AND c.active
        WHERE ls.variant_id = ANY(:variants) ORDER BY ls.id FOR UPDATE OF ls
    ), marked AS (
        UPDATE listing_stock AS ls SET dirty_seq = dirty_seq + 1 FROM locked WHERE ls.id = locked.id
        RETURNING ls.channel_id
    )
    SELECT DISTINCT channel_id FROM marked
    """
)
_ADD_MISSING = text(
    f"""
    INSERT INTO listing_stock (id, listing_id, channel_id, variant_id)
    SELECT uuidv7(), l.id, l.channel_id, l.variant_id
    FROM {_PUBLISHABLE}
    WHERE l.channel_id = :channel AND l.external_variant_id IS NOT NULL
        AND (:again OR NOT EXISTS (SELECT 1 FROM listing_stock AS ls WHERE ls.listing_id = l.id))
    ORDER BY l.id
    ON CONFLICT ON CONSTRAINT listing_is_published_once_per_place DO NOTHING
    """
)
_MARK_CHANNEL = text(
    """
    WITH locked AS (SELECT id FROM listing_stock WHERE channel_id = :channel ORDER BY id FOR UPDATE)
    UPDATE listing_stock AS ls SET dirty_seq = dirty_seq + 1, resend = ls.resend OR :resend, next_attempt_at = NULL
    FROM locked WHERE ls.id = locked.id
    """
)
_MARK_OLDEST = text(
    """
    WITH chosen AS (
        SELECT ls.id FROM listing_stock AS ls
        JOIN channels AS c ON c.id = ls.channel_id AND c.publishes_stock AND c.active
        WHERE ls.dirty_seq = ls.clean_seq AND ls.desired_at < hub_now() - make_interval(secs => :age_seconds)
        ORDER BY ls.desired_at LIMIT :rows
    ), locked AS (
        SELECT ls.id FROM listing_stock AS ls JOIN chosen ON chosen.id = ls.id ORDER BY ls.id FOR UPDATE OF ls
    ), marked AS (
        UPDATE listing_stock AS ls SET dirty_seq = dirty_seq + 1 FROM locked WHERE ls.id = locked.id
        RETURNING channel_id
    )
    SELECT DISTINCT channel_id FROM marked
    """
)
_CHANNELS_WITH_WORK = text(
    """
    SELECT DISTINCT ls.channel_id FROM listing_stock AS ls
    JOIN channels AS c ON c.id = ls.channel_id AND c.publishes_stock AND c.active AND c.settings_encrypted IS NOT NULL
    WHERE ls.dirty_seq > ls.clean_seq AND (ls.next_attempt_at IS NULL OR ls.next_attempt_at <= hub_now())
    """
)
_ADD_PLACES = text(
    """
    INSERT INTO listing_stock (id, listing_id, channel_id, variant_id, location_id)
    SELECT uuidv7(), ls.listing_id, ls.channel_id, ls.variant_id, cl.location_id
    FROM listing_stock AS ls JOIN channel_locations AS cl ON cl.channel_id = ls.channel_id
        AND cl.external_location_id IS NOT NULL
    WHERE ls.channel_id = :channel AND ls.location_id IS NULL
    ON CONFLICT ON CONSTRAINT listing_is_published_once_per_place DO NOTHING
    """
)
_DROP_UNPLACED = text(
    """
    DELETE FROM listing_stock WHERE id IN (
        SELECT id FROM listing_stock WHERE channel_id = :channel AND location_id IS NULL
            AND EXISTS (SELECT 1 FROM channel_locations AS cl
                        WHERE cl.channel_id = :channel AND cl.external_location_id IS NOT NULL)
        ORDER BY id FOR UPDATE)
    """
)
_ROWS = """
    SELECT ls.id, ls.listing_id, ls.variant_id, ls.location_id, ls.dirty_seq, ls.published, ls.published_at,
        ls.observed, ls.resend, ls.failures, ls.drift_seen,
        l.status = 'ACTIVE' AND l.external_variant_id IS NOT NULL AS offered,
        l.external_product_id, coalesce(l.external_variant_id, '') AS external_variant_id,
        l.external_inventory_id, cl.external_location_id,
        coalesce(sold.quantity, 0) AS sold
    FROM listing_stock AS ls
    JOIN listings AS l ON l.id = ls.listing_id
    LEFT JOIN channel_locations AS cl ON cl.channel_id = ls.channel_id AND cl.location_id = ls.location_id
    LEFT JOIN LATERAL (
        SELECT sum(ol.quantity)::bigint AS quantity FROM order_lines AS ol JOIN orders AS o ON o.id = ol.order_id
        WHERE ol.variant_id = ls.variant_id AND o.channel_id = ls.channel_id AND NOT o.is_history
            AND o.captured_at > ls.published_at
    ) AS sold ON ls.published_at IS NOT NULL
    WHERE ls.channel_id = :channel AND (ls.location_id IS NOT NULL) = :per_location AND {which}
"""
_DIRTY = text(
    _ROWS.format(
        which="ls.dirty_seq > ls.clean_seq AND (ls.next_attempt_at IS NULL OR ls.next_attempt_at <= hub_now())"
    )
    + " ORDER BY ls.id LIMIT :rows"
)
_TO_READ = text(
    _ROWS.format(which="ls.dirty_seq = ls.clean_seq AND ls.published IS NOT NULL")
    + " ORDER BY ls.drift_seen DESC, ls.observed_at NULLS FIRST, ls.id LIMIT :rows"
)
_STILL_CLEAN = text(
    _ROWS.format(which="ls.id = ANY(:ids) AND ls.dirty_seq = ls.clean_seq") + " ORDER BY ls.id FOR UPDATE OF ls"
)
_LOCK = text("SELECT id FROM listing_stock WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
_WISH = text(
    """
    UPDATE listing_stock AS ls SET desired = new.desired, desired_at = :at,
        clean_seq = CASE WHEN new.clean THEN greatest(ls.clean_seq, new.seq) ELSE ls.clean_seq END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:desired AS bigint[]), CAST(:clean AS boolean[]), CAST(:seqs AS bigint[]))
        AS new (id, desired, clean, seq)
    WHERE ls.id = new.id
    """
)
_PUBLISHED = text(
    """
    UPDATE listing_stock SET published = :quantity, published_at = :computed_at,
        observed = :observed, observed_at = hub_now(), resend = false, drift_seen = 0, failures = 0, last_error = NULL,
        clean_seq = CASE WHEN CAST(:held AS boolean) THEN clean_seq ELSE greatest(clean_seq, :seq) END,
        next_attempt_at = CASE WHEN CAST(:held AS boolean) THEN hub_now() + make_interval(secs => :pause) END
    WHERE id = :id
    """
)
_REPAIRED = text(
    """
    UPDATE channel_drifts AS d SET status = 'REPAIRED', repaired_at = hub_now()
    FROM listing_stock AS ls
    WHERE ls.id = ANY(:ids) AND d.listing_id = ls.listing_id AND d.location_id IS NOT DISTINCT FROM ls.location_id
        AND d.status = 'OPEN'
    """
)
_FAILED = text(
    """
    UPDATE listing_stock SET failures = failures + 1, last_error = :error,
        observed = coalesce(CAST(:observed AS bigint), observed),
        observed_at = CASE WHEN CAST(:observed AS bigint) IS NULL THEN observed_at ELSE hub_now() END,
        next_attempt_at = hub_now() + make_interval(secs => :pause)
    WHERE id = :id
    """
)
_SHOWN = text(
    """
    UPDATE listing_stock SET observed = :shown, observed_at = hub_now(), drift_seen = :drift_seen,
        resend = resend OR CAST(:repair AS boolean),
        dirty_seq = dirty_seq + CASE WHEN CAST(:repair AS boolean) THEN 1 ELSE 0 END
    WHERE id = :id
    """
)
_DRIFT = text(
    """
    INSERT INTO channel_drifts (id, channel_id, listing_id, location_id, published, observed, sold_since, cause, status,
                                detected_at)
    VALUES (:id, :channel, :listing, :location, :published, :observed, :sold, :cause, 'OPEN', hub_now())
    ON CONFLICT DO NOTHING
    """
)
_WAIT = text(
    """
    SELECT extract(epoch FROM min(coalesce(next_attempt_at, hub_now())) - hub_now())::float AS seconds
    FROM listing_stock
    WHERE channel_id = :channel AND dirty_seq > clean_seq AND (location_id IS NOT NULL) = :per_location
    """
)


async def mark_variants(session: WriteSession, variant_ids: Iterable[UUID]) -> list[UUID]:
    """Every listing of these variants on a publishing channel is to be looked at: the channels concerned."""
    values = {"variants": sorted(set(variant_ids))}
    # New rows come before locks: two transactions that add the same row wait for each other's end.
    await session.execute(_ADD_VARIANTS, values)
    rows = await session.execute(_MARK_VARIANTS, values)
    return sorted(rows.scalars())


async def add_missing(session: WriteSession, channel_id: UUID, *, again: bool = False) -> int:
    """A row for each listing that has none; with `again` also for listings whose places are to be made anew."""
    added = await session.execute(_ADD_MISSING, {"channel": channel_id, "again": again})
    return int(added.rowcount)  # type: ignore[attr-defined]


async def mark_channel(session: WriteSession, channel_id: UUID, *, resend: bool) -> None:
    await session.execute(_MARK_CHANNEL, {"channel": channel_id, "resend": resend})


async def mark_oldest(session: WriteSession, *, age_seconds: float, rows: int = MAX_ROWS) -> list[UUID]:
    """Look again at what nobody has computed for a while: the channels concerned."""
    found = await session.execute(_MARK_OLDEST, {"age_seconds": float(age_seconds), "rows": rows})
    return sorted(found.scalars())


async def channels_with_work(session: AnySession) -> list[UUID]:
    return sorted((await session.execute(_CHANNELS_WITH_WORK)).scalars())


async def make_places(session: WriteSession, channel_id: UUID) -> None:
    """For a channel that counts per place: rows for each mapped location instead of the row without one."""
    await session.execute(_ADD_PLACES, {"channel": channel_id})
    await session.execute(_DROP_UNPLACED, {"channel": channel_id})


async def dirty_rows(session: AnySession, channel_id: UUID, *, per_location: bool) -> list[PublishedRow]:
    values = {"channel": channel_id, "per_location": per_location, "rows": MAX_ROWS}
    return _rows(await session.execute(_DIRTY, values))


async def rows_to_read(session: AnySession, channel_id: UUID, *, per_location: bool, rows: int) -> list[PublishedRow]:
    """Clean rows, those suspected of drift first, then those not looked at for longest."""
    values = {"channel": channel_id, "per_location": per_location, "rows": rows}
    return _rows(await session.execute(_TO_READ, values))


async def lock_still_clean(
    session: WriteSession, channel_id: UUID, ids: Sequence[UUID], *, per_location: bool
) -> list[PublishedRow]:
    values = {"channel": channel_id, "per_location": per_location, "ids": list(ids)}
    return _rows(await session.execute(_STILL_CLEAN, values))


async def lock(session: WriteSession, ids: Iterable[UUID]) -> None:
    await session.execute(_LOCK, {"ids": sorted(ids)})


async def write_desired(
    session: WriteSession, wishes: Sequence[tuple[PublishedRow, int | None, bool]], at: datetime
) -> None:
    """(row, desired, whether the channel need not be told) of each."""
    await lock(session, [row.id for row, _, _ in wishes])
    values = {
        "at": at,
        "ids": [row.id for row, _, _ in wishes],
        "desired": [desired for _, desired, _ in wishes],
        "clean": [clean for _, _, clean in wishes],
        "seqs": [row.dirty_seq for row, _, _ in wishes],
    }
    await session.execute(_WISH, values)


async def write_published(session: WriteSession, values: Sequence[dict[str, Any]]) -> None:
    """Each: id, quantity, observed, computed_at, seq, held, pause. Drifts of what was told in full are repaired."""
    if values:
        await session.execute(_PUBLISHED, list(values))
        await session.execute(_REPAIRED, {"ids": [value["id"] for value in values if not value["held"]]})


async def write_failed(session: WriteSession, values: Sequence[dict[str, Any]]) -> None:
    """Each: id, error, observed, pause."""
    if values:
        await session.execute(_FAILED, list(values))


async def write_shown(session: WriteSession, row: PublishedRow, shown: int, *, drift_seen: int, repair: bool) -> None:
    values = {"id": row.id, "shown": shown, "drift_seen": drift_seen, "repair": repair}
    await session.execute(_SHOWN, values)


async def write_drift(
    session: WriteSession, channel_id: UUID, row: PublishedRow, shown: int, cause: DriftCause
) -> None:
    """One open drift per listing and place."""
    values = {
        "id": new_id(),
        "channel": channel_id,
        "listing": row.listing_id,
        "location": row.location_id,
        "published": row.published,
        "observed": shown,
        "sold": row.sold,
        "cause": cause.value,
    }
    await session.execute(_DRIFT, values)


async def seconds_until_due(session: AnySession, channel_id: UUID, *, per_location: bool) -> float | None:
    """When the next dirty row may be tried; None when there is none."""
    values = {"channel": channel_id, "per_location": per_location}
    seconds: float | None = (await session.execute(_WAIT, values)).scalar_one()
    return None if seconds is None else max(0.0, seconds)


def _rows(found: Any) -> list[PublishedRow]:
    return [
        PublishedRow(
            id=row.id,
            listing_id=row.listing_id,
            variant_id=row.variant_id,
            location_id=row.location_id,
            ref=ListingRef(
                str(row.listing_id),
                row.external_product_id or row.external_variant_id,
                row.external_variant_id,
                row.external_inventory_id,
                row.external_location_id,
            ),
            offered=row.offered,
            dirty_seq=row.dirty_seq,
            published=row.published,
            published_at=row.published_at,
            observed=row.observed,
            resend=row.resend,
            failures=row.failures,
            drift_seen=row.drift_seen,
            sold=row.sold,
        )
        for row in found
    ]
