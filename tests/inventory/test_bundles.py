"""A bundle sells its components: available as the scarcest, claimed in one step at one location."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest
from sqlalchemy import text

from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.inventory import (
    Count,
    CreateReservation,
    LevelKey,
    PlaceWanted,
    ReservationLineInput,
    ReservationOwner,
    SetComponents,
    available_at,
    available_to_sell,
    check_stock,
    count_stock,
    create_reservation,
    set_components,
    transfer_reservation,
)
from hub.kernel.errors import HubError
from hub.kernel.ids import new_id
from hub.kernel.principal import PrincipalKind
from routing import Part
from tests.factories import make_principal, make_variant
from tests.inventory.stage import Stage, make_stage

CAMERA, LENS, BAG, SET = range(4)


async def make_set(database: Database, *, locations: int = 2) -> Stage:
    """Camera, lens and bag; the set is one camera and two lenses."""
    stage = await make_stage(database, locations=locations, variants=4)
    await compose(stage, SET, (CAMERA, 1), (LENS, 2))
    return stage


async def compose(stage: Stage, bundle: int, *parts: tuple[int, int]) -> None:
    made_of = tuple(Part(stage.variants[variant], quantity) for variant, quantity in parts)
    command = SetComponents(stage.variants[bundle], made_of)
    answer = await set_components(stage.database, make_principal(), command, idempotency_key=str(new_id()))
    answer.unwrap()


async def stock(stage: Stage, location: int, *, camera: int, lens: int) -> None:
    await stage.stock(camera, variant=CAMERA, location=location)
    await stage.stock(lens, variant=LENS, location=location)


async def claim(
    stage: Stage,
    *lines: tuple[int, int],
    places: tuple[int, ...] = (),
    owner: ReservationOwner = ReservationOwner.CART,
    partial: bool = False,
) -> Answer:
    inputs = tuple(
        ReservationLineInput(
            stage.variants[variant], quantity, location_ids=tuple(stage.locations[place] for place in places)
        )
        for variant, quantity in lines
    )
    staff = owner is ReservationOwner.STAFF
    who = make_principal(kind=PrincipalKind.STAFF) if staff else make_principal(channel_id=stage.channel_id)
    command = CreateReservation(owner, inputs, channel_id=None if staff else stage.channel_id, partial=partial)
    return await create_reservation(stage.database, who, command, idempotency_key=str(new_id()))


def held(stage: Stage, answer: Answer) -> dict[tuple[int, int], int]:
    """(variant, location) → units."""
    return {
        (stage.variants.index(UUID(variant)), stage.locations.index(UUID(place))): units
        for variant, place, units in answer.unwrap()["lines"]
    }


async def promised(stage: Stage, variant: int = SET) -> int | None:
    async with stage.database.read() as session:
        pair = (stage.variants[variant], stage.channel_id)
        return (await available_to_sell(session, [pair]))[pair].quantity


class TestSettingComponents:
    async def refused(self, stage: Stage, bundle: int, *parts: tuple[int, int]) -> str:
        with pytest.raises(HubError) as caught:
            await compose(stage, bundle, *parts)
        return caught.value.code

    async def test_a_bundle_is_no_part_of_a_bundle(self, database: Database) -> None:
        stage = await make_set(database)
        assert await self.refused(stage, BAG, (SET, 1)) == "BUNDLE_NESTED"
        assert await self.refused(stage, CAMERA, (BAG, 1)) == "BUNDLE_NESTED"
        assert await self.refused(stage, BAG, (BAG, 1)) == "BUNDLE_NESTED"

    async def test_two_calls_at_once_cannot_nest_bundles_in_each_other(self, database: Database) -> None:
        stage = await make_stage(database, variants=3)
        both = await asyncio.gather(compose(stage, 0, (1, 1)), compose(stage, 1, (2, 1)), return_exceptions=True)
        assert sum(isinstance(one, HubError) for one in both) == 1

    async def test_what_has_stock_does_not_become_a_bundle(self, database: Database) -> None:
        stage = await make_set(database)
        await stage.stock(1, variant=BAG)
        assert await self.refused(stage, BAG, (CAMERA, 1)) == "BUNDLE_HOLDS_STOCK"

    async def test_what_is_not_counted_is_no_component(self, database: Database) -> None:
        stage = await make_set(database)
        async with database.write() as session:
            ticket = await make_variant(session, "TICKET", stock_policy="UNTRACKED")
        command = SetComponents(stage.variants[BAG], (Part(ticket, 1),))
        answer = await set_components(database, make_principal(), command, idempotency_key="k")
        assert answer.refusal is not None
        assert answer.refusal.code == "STOCK_NOT_TRACKED"

    async def test_a_bundle_without_components_is_goods_again(self, database: Database) -> None:
        stage = await make_set(database)
        await compose(stage, SET)
        await stage.stock(3, variant=SET)
        assert await promised(stage) == 3

    async def test_the_same_key_answers_the_same(self, database: Database) -> None:
        stage = await make_set(database)
        who, command = make_principal(), SetComponents(stage.variants[BAG], (Part(stage.variants[CAMERA], 1),))
        first = await set_components(database, who, command, idempotency_key="k")
        again = await set_components(database, who, command, idempotency_key="k")
        assert (first.replayed, again.replayed) == (False, True)
        assert first.outcome == again.outcome

    async def test_a_bundle_is_not_counted(self, database: Database) -> None:
        stage = await make_set(database)
        answer = await count_stock(database, make_principal(), Count(stage.key(SET), 3), idempotency_key="k")
        assert answer.refusal is not None
        assert answer.refusal.code == "BUNDLE_HAS_NO_STOCK"

    async def test_stock_that_got_onto_a_bundle_is_found_by_the_check(self, database: Database) -> None:
        stage = await make_set(database)
        await stage.stock(1, variant=SET)
        async with database.read() as session:
            assert [found.invariant for found in await check_stock(session)] == ["bundles_hold_no_stock"]


class TestAvailability:
    async def test_it_is_the_scarcest_component_at_each_location(self, database: Database) -> None:
        stage = await make_set(database)
        await stock(stage, 0, camera=5, lens=7)
        await stock(stage, 1, camera=1, lens=9)
        async with database.read() as session:
            wanted = PlaceWanted(stage.variants[SET], stage.channel_id)
            places = (await available_at(session, [wanted]))[wanted]
        assert {stage.locations.index(place.location_id): place.available for place in places} == {0: 3, 1: 1}
        assert await promised(stage) == 4

    async def test_parts_at_different_places_make_no_bundle(self, database: Database) -> None:
        stage = await make_set(database)
        await stage.stock(5, variant=CAMERA, location=0)
        await stage.stock(8, variant=LENS, location=1)
        assert await promised(stage) == 0
        assert (await claim(stage, (SET, 1))).refusal is not None

    async def test_buffer_and_cap_are_those_of_the_bundles_own_listing(self, database: Database) -> None:
        stage = await make_set(database)
        await stock(stage, 0, camera=9, lens=20)
        for variant, buffer, cap in ((CAMERA, 5, None), (SET, 2, 6)):
            async with database.write() as session:
                await session.execute(
                    text(
                        "INSERT INTO listings (id, variant_id, channel_id, row_key, status, currency, buffer, cap)"
                        " VALUES (uuidv7(), :variant, :channel, :key, 'ACTIVE', 'EUR', :buffer, :cap)"
                    ),
                    {
                        "variant": stage.variants[variant],
                        "channel": stage.channel_id,
                        "key": str(variant),
                        "buffer": buffer,
                        "cap": cap,
                    },
                )
        assert await promised(stage) == 6
        assert (await claim(stage, (SET, 7))).refusal is not None
        assert (await claim(stage, (SET, 6))).refusal is None
        assert await promised(stage) == 1
        assert (await claim(stage, (SET, 2))).refusal is not None

    async def test_unfilled_demand_of_a_component_comes_first(self, database: Database) -> None:
        stage = await make_set(database)
        await stock(stage, 0, camera=9, lens=10)
        async with database.write() as session:
            await session.execute(
                text(
                    "INSERT INTO unfilled_demand (order_line_id, variant_id, channel_id, quantity, promised_at)"
                    " VALUES (uuidv7(), :variant, :channel, 7, hub_now())"
                ),
                {"variant": stage.variants[LENS], "channel": stage.channel_id},
            )
        assert await promised(stage) == 1
        assert (await claim(stage, (SET, 2))).refusal is not None
        assert (await claim(stage, (SET, 1))).refusal is None


class TestClaiming:
    async def test_it_takes_the_components_at_one_location(self, database: Database) -> None:
        stage = await make_set(database)
        await stock(stage, 0, camera=1, lens=9)
        await stock(stage, 1, camera=3, lens=6)
        answer = await claim(stage, (SET, 3))
        assert held(stage, answer) == {(CAMERA, 1): 3, (LENS, 1): 6}
        await stage.assert_sound()

    async def test_several_bundles_may_come_from_several_locations_each_whole(self, database: Database) -> None:
        stage = await make_set(database)
        await stock(stage, 0, camera=2, lens=5)
        await stock(stage, 1, camera=4, lens=3)
        answer = await claim(stage, (SET, 3))
        assert held(stage, answer) == {(CAMERA, 0): 2, (LENS, 0): 4, (CAMERA, 1): 1, (LENS, 1): 2}

    async def test_a_bundle_and_a_single_that_share_a_part_are_summed(self, database: Database) -> None:
        stage = await make_set(database, locations=1)
        await stock(stage, 0, camera=2, lens=4)
        refused = await claim(stage, (SET, 2), (LENS, 1))
        assert refused.refusal is not None
        assert refused.refusal.code == "INSUFFICIENT_STOCK"
        assert held(stage, await claim(stage, (SET, 1), (LENS, 2))) == {(CAMERA, 0): 1, (LENS, 0): 4}

    @pytest.mark.parametrize("owner", [ReservationOwner.CART, ReservationOwner.STAFF])
    async def test_two_bundles_that_share_a_part_are_summed_at_a_named_place(
        self, database: Database, owner: ReservationOwner
    ) -> None:
        stage = await make_set(database, locations=1)
        await compose(stage, BAG, (LENS, 1))
        await stock(stage, 0, camera=2, lens=4)
        assert (await claim(stage, (SET, 2), (BAG, 1), places=(0,), owner=owner)).refusal is not None
        answer = await claim(stage, (SET, 1), (BAG, 2), places=(0,), owner=owner)
        assert held(stage, answer) == {(CAMERA, 0): 1, (LENS, 0): 4}

    async def test_a_bundle_named_by_id_and_by_sku_is_the_same_bundle(self, database: Database) -> None:
        stage = await make_set(database, locations=1)
        await stock(stage, 0, camera=2, lens=4)
        lines = (ReservationLineInput(stage.variants[SET], 1), ReservationLineInput("SKU-3", 1))
        command = CreateReservation(ReservationOwner.CART, lines, channel_id=stage.channel_id)
        answer = await create_reservation(database, make_principal(), command, idempotency_key="k")
        assert held(stage, answer) == {(CAMERA, 0): 2, (LENS, 0): 4}

    @pytest.mark.parametrize("owner", [ReservationOwner.CART, ReservationOwner.STAFF])
    async def test_a_list_of_places_is_tried_in_order(self, database: Database, owner: ReservationOwner) -> None:
        stage = await make_set(database)
        await stock(stage, 0, camera=1, lens=9)
        await stock(stage, 1, camera=9, lens=9)
        assert held(stage, await claim(stage, (SET, 2), places=(0, 1), owner=owner)) == {(CAMERA, 1): 2, (LENS, 1): 4}

    @pytest.mark.parametrize("owner", [ReservationOwner.CART, ReservationOwner.STAFF])
    @pytest.mark.parametrize("places", [(), (0,), (0, 1)])
    async def test_a_partial_claim_takes_whole_bundles(
        self, database: Database, owner: ReservationOwner, places: tuple[int, ...]
    ) -> None:
        stage = await make_set(database)
        await stock(stage, 0, camera=4, lens=5)
        if owner is ReservationOwner.STAFF and not places:
            places = (0,)
        answer = await claim(stage, (SET, 3), places=places, owner=owner, partial=True)
        assert held(stage, answer) == {(CAMERA, 0): 2, (LENS, 0): 4}
        [short] = answer.unwrap()["short"]
        assert (short["variant_id"], short["requested"], short["available"]) == (str(stage.variants[SET]), 3, 2)

    async def test_it_moves_with_all_of_its_components(self, database: Database) -> None:
        stage = await make_set(database)
        await stock(stage, 0, camera=1, lens=2)
        who = make_principal()
        line = ReservationLineInput(stage.variants[SET], 1)
        command = CreateReservation(ReservationOwner.CART, (line,), channel_id=stage.channel_id)
        made = (await create_reservation(database, who, command, idempotency_key="c")).unwrap()
        await stock(stage, 1, camera=1, lens=1)
        reservation_id = UUID(made["reservation_id"])
        moving = {"reservation_id": reservation_id, "to_location_id": stage.locations[1]}
        short = await transfer_reservation(database, who, **moving, idempotency_key="t")
        assert short.refusal is not None
        await stage.stock(2, variant=LENS, location=1)
        moved = await transfer_reservation(database, who, **moving, idempotency_key="u")
        assert held(stage, moved) == {(CAMERA, 1): 1, (LENS, 1): 2}
        await stage.assert_sound()


async def test_of_32_claimers_of_a_shared_component_as_many_are_served_as_there_are_units(database: Database) -> None:
    stage = await make_set(database)
    await compose(stage, BAG, (LENS, 1))
    await stock(stage, 0, camera=40, lens=15)
    await stock(stage, 1, camera=40, lens=8)
    bundles = (SET, BAG, LENS)
    answers = await asyncio.gather(*(claim(stage, (bundles[number % 3], 1)) for number in range(32)))
    taken: Counter[int] = Counter()
    for answer in answers:
        if answer.refusal is None:
            for (variant, place), units in held(stage, answer).items():
                taken[place] += units if variant == LENS else 0
    assert {answer.refusal.code for answer in answers if answer.refusal is not None} <= {"INSUFFICIENT_STOCK"}
    # 43 lenses are wanted: at most one is left at each place, where it makes no set, and nothing was sold twice.
    assert taken[0] <= 15
    assert taken[1] <= 8
    assert sum(taken.values()) >= 21
    for place in (0, 1):
        level = await stage.level(LevelKey(stage.variants[LENS], stage.locations[place]))
        assert level["reserved"] == taken[place]
    await stage.assert_sound()
