"""What readers ask of locations, each in one statement."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from hub.infra.database import AnySession
from hub.kernel.geo import EARTH_RADIUS_KM, GeoPoint

NOWHERE = 10**9
"""The rank of a location without a distance: behind every place on earth."""

_COLUMNS = """
    l.id, l.code, l.name, l.kind, l.latitude, l.longitude, l.time_zone, l.country_code, l.postal_code, l.city,
    l.opening_hours, l.capabilities, l.daily_capacity, l.active, l.version
"""

_BY_IDS = text(f"SELECT {_COLUMNS} FROM locations AS l WHERE l.id = ANY(:ids)")
_BY_CODES = text(f"SELECT {_COLUMNS} FROM locations AS l WHERE l.code = ANY(:codes)")
_IDS_BY_CODES = text("SELECT code, id FROM locations WHERE code = ANY(:codes)")

# The great circle of `hub.kernel.geo.distance_km`, in whole metres so that a cursor can stand on it.
_PAGE = """
WITH seen AS (
    SELECT {columns}, CASE
        WHEN l.latitude IS NULL OR l.longitude IS NULL OR CAST(:latitude AS float8) IS NULL THEN NULL ELSE round(
        2000 * :radius * asin(least(1, sqrt(
            power(sin(radians(l.latitude - CAST(:latitude AS float8)) / 2), 2)
            + cos(radians(CAST(:latitude AS float8))) * cos(radians(l.latitude))
            * power(sin(radians(l.longitude - CAST(:longitude AS float8)) / 2), 2)
        ))))::bigint END AS distance_m
    FROM locations AS l
    WHERE l.active
      AND (CAST(:capability AS text) IS NULL OR l.capabilities @> ARRAY[CAST(:capability AS text)])
      AND (CAST(:channel AS uuid) IS NULL OR EXISTS (
          SELECT FROM channel_locations AS cl WHERE cl.location_id = l.id AND cl.channel_id = :channel))
)
SELECT * FROM seen
WHERE CAST(:rank AS bigint) IS NULL OR (coalesce(distance_m, {nowhere}), code) {comparison} (:rank, CAST(:code AS text))
ORDER BY coalesce(distance_m, {nowhere}) {direction}, code {direction}
LIMIT :limit
"""
_FORWARDS = text(_PAGE.format(columns=_COLUMNS, nowhere=NOWHERE, comparison=">", direction="ASC"))
_BACKWARDS = text(_PAGE.format(columns=_COLUMNS, nowhere=NOWHERE, comparison="<", direction="DESC"))


@dataclass(frozen=True, slots=True)
class LocationView:
    """A location as readers see it. `distance_m`: metres from the point that was asked about, if one was."""

    id: UUID
    code: str
    name: str
    kind: str
    latitude: float | None
    longitude: float | None
    time_zone: str
    country_code: str
    postal_code: str
    city: str
    opening_hours: dict[str, Any] | None
    capabilities: list[str]
    daily_capacity: int | None
    active: bool
    version: int
    distance_m: int | None = None

    @property
    def rank(self) -> int:
        """Where it stands in `locations_page`, before its code."""
        return NOWHERE if self.distance_m is None else self.distance_m


@dataclass(frozen=True, slots=True)
class LocationFilter:
    """Everything that is set must hold; closed locations are never listed."""

    channel_id: UUID | None = None
    capability: str | None = None


async def locations_by_ids(session: AnySession, ids: Iterable[UUID]) -> dict[UUID, LocationView]:
    rows = await session.execute(_BY_IDS, {"ids": list(ids)})
    return {row.id: LocationView(*row) for row in rows}


async def locations_by_codes(session: AnySession, codes: Iterable[str]) -> dict[str, LocationView]:
    rows = await session.execute(_BY_CODES, {"codes": list(codes)})
    return {row.code: LocationView(*row) for row in rows}


async def location_ids_by_codes(session: AnySession, codes: Iterable[str]) -> dict[str, UUID]:
    rows = await session.execute(_IDS_BY_CODES, {"codes": list(codes)})
    return {row.code: row.id for row in rows}


async def locations_page(
    session: AnySession,
    wanted: LocationFilter,
    *,
    near: GeoPoint | None = None,
    limit: int,
    after: tuple[int, str] | None = None,
    backwards: bool = False,
) -> list[LocationView]:
    """Open locations by distance from `near`, then code; strictly after (backwards: before) `after` = (rank, code).

    Without `near` none has a distance and the order is by code.
    """
    rank, code = after or (None, None)
    rows = await session.execute(
        _BACKWARDS if backwards else _FORWARDS,
        {
            "radius": EARTH_RADIUS_KM,
            "latitude": near.latitude if near else None,
            "longitude": near.longitude if near else None,
            "capability": wanted.capability,
            "channel": wanted.channel_id,
            "rank": rank,
            "code": code,
            "limit": limit,
        },
    )
    return [LocationView(*row) for row in rows]
