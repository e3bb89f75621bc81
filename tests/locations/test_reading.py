"""Locations as readers find them: by id, by code, and page by page from a point outwards."""

from uuid import UUID

import pytest
from sqlalchemy import text

from hub.infra.database import Database
from hub.kernel.geo import GeoPoint, distance_km
from hub.kernel.ids import new_id
from hub.locations import LocationFilter, LocationView, repository
from tests.factories import make_channel, make_location

BERLIN = GeoPoint(52.52, 13.405)
ALEX = GeoPoint(52.5219, 13.4132)
PLACES = {"berlin": (52.52, 13.405), "hamburg": (53.5511, 9.9937), "munich": (48.1374, 11.5755)}


async def make_places(database: Database) -> dict[str, UUID]:
    """The three towns, the last of them without parcels, and a place without a point on the map."""
    async with database.write() as session:
        ids = {
            code: await make_location(
                session,
                code,
                latitude=at[0],
                longitude=at[1],
                capabilities=["PICKUP"] if code == "munich" else ["SHIP"],
            )
            for code, at in PLACES.items()
        }
        ids["attic"] = await make_location(session, "attic")
        await session.execute(text("UPDATE locations SET latitude = NULL, longitude = NULL WHERE code = 'attic'"))
    return ids


async def page(
    database: Database,
    wanted: LocationFilter | None = None,
    *,
    near: GeoPoint | None = None,
    limit: int = 10,
    after: LocationView | None = None,
    backwards: bool = False,
) -> list[LocationView]:
    async with database.read() as session:
        return await repository.locations_page(
            session,
            wanted or LocationFilter(),
            near=near,
            limit=limit,
            after=None if after is None else (after.rank, after.code),
            backwards=backwards,
        )


def codes(found: list[LocationView]) -> list[str]:
    return [one.code for one in found]


class TestLookingUp:
    async def test_ids_and_codes_find_the_same_places_and_unknown_ones_are_left_out(self, database: Database) -> None:
        ids = await make_places(database)
        async with database.read() as session:
            by_id = await repository.locations_by_ids(session, [ids["berlin"], new_id()])
            by_code = await repository.locations_by_codes(session, ["berlin", "nowhere"])
            known = await repository.location_ids_by_codes(session, ["hamburg", "nowhere"])
        assert by_id == {ids["berlin"]: by_code["berlin"]}
        assert known == {"hamburg": ids["hamburg"]}


class TestPages:
    async def test_the_nearest_come_first_and_places_without_a_point_last(self, database: Database) -> None:
        await make_places(database)
        found = await page(database, near=ALEX)
        assert codes(found) == ["berlin", "hamburg", "munich", "attic"]
        assert found[0].distance_m == pytest.approx(distance_km(ALEX, BERLIN) * 1000, abs=1)
        assert (found[-1].distance_m, found[-1].rank) == (None, repository.NOWHERE)

    async def test_without_a_point_they_stand_by_code(self, database: Database) -> None:
        await make_places(database)
        assert codes(await page(database)) == ["attic", "berlin", "hamburg", "munich"]

    @pytest.mark.parametrize("near", [None, BERLIN])
    async def test_pages_go_on_where_the_last_ended_and_back_again(
        self, database: Database, near: GeoPoint | None
    ) -> None:
        await make_places(database)
        whole = await page(database, near=near)
        second = await page(database, near=near, limit=2, after=whole[1])
        assert second == whole[2:]
        assert await page(database, near=near, limit=2, after=whole[2], backwards=True) == whole[1::-1]
        assert await page(database, near=near, after=whole[-1]) == []

    async def test_a_filter_leaves_what_fits_it_wholly(self, database: Database) -> None:
        ids = await make_places(database)
        async with database.write() as session:
            channel = await make_channel(session, locations=[ids["hamburg"], ids["munich"]])
        assert codes(await page(database, LocationFilter(channel_id=channel))) == ["hamburg", "munich"]
        assert codes(await page(database, LocationFilter(channel_id=channel, capability="SHIP"))) == ["hamburg"]
        assert codes(await page(database, LocationFilter(channel_id=new_id()))) == []

    async def test_closed_places_are_not_listed_but_can_be_looked_up(self, database: Database) -> None:
        ids = await make_places(database)
        async with database.write() as session:
            await session.execute(text("UPDATE locations SET active = false WHERE code = 'munich'"))
        assert "munich" not in codes(await page(database))
        async with database.read() as session:
            assert not (await repository.locations_by_ids(session, [ids["munich"]]))[ids["munich"]].active
