"""What the board counts, against what stands in the tables, in as many statements as promised."""

from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry, Histogram
from sqlalchemy import event

from hub.console import live_figures, recent_points, request_figures
from hub.console.figures import percentile
from hub.infra.database import Database
from hub.inventory import (
    Actor,
    Count,
    CreateReservation,
    InsufficientStockError,
    LevelKey,
    ReservationLineInput,
    ReservationOwner,
    StockRequest,
    apply,
    create_reservation,
)
from hub.kernel.principal import Principal
from tests.factories import make_channel, make_location, make_principal, make_variant, set_stock


async def reserve(database: Database, principal: Principal, variant_id: UUID, quantity: int, key: str) -> None:
    line = ReservationLineInput(variant_id, quantity)
    command = CreateReservation(ReservationOwner.CART, (line,), channel_id=principal.channel_id)
    (await create_reservation(database, principal, command, idempotency_key=key)).unwrap()


async def test_oversold_units_reservations_and_channels_are_counted(database: Database) -> None:
    async with database.write() as session:
        location_id = await make_location(session)
        channel_id = await make_channel(session, locations=[location_id])
        variant_id = await make_variant(session)
    await set_stock(database, variant_id, location_id, 10)
    shop = make_principal(channel_id=channel_id)
    await reserve(database, shop, variant_id, 8, "first")
    with pytest.raises(InsufficientStockError):
        await reserve(database, shop, variant_id, 8, "second")
    async with database.write() as session:
        await apply(session, [StockRequest(Actor(UUID(int=0)), Count(LevelKey(variant_id, location_id), 5))])
    async with database.read() as session:
        found = await live_figures(session)
    assert (found.oversold_units, found.oversold_levels) == (3, 1)
    assert (found.reservations_active, found.reservations_made) == (1, 1)
    assert (found.reservations_refused, found.reservations_lapsed) == (1, 0)
    assert found.relay_lag_seconds > 0
    assert [(channel.code, channel.orders_captured, channel.drifts_open) for channel in found.channels] == [
        ("shop", 0, 0)
    ]


async def test_an_empty_hub_counts_nothing_in_three_statements(database: Database) -> None:
    statements: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    async with database.read() as session:
        began = len(statements)
        found = await live_figures(session)
        assert await recent_points(session, limit=10) == []
        assert len([text for text in statements[began:] if "hub_now" in text or "FROM" in text]) <= 3
    assert (found.oversold_units, found.relay_lag_seconds, found.channels) == (0, 0.0, ())


class TestRequestFigures:
    def test_statuses_of_a_road_are_added_and_open_connections_left_out(self) -> None:
        histogram = Histogram("t", "Times.", ["road", "status"], buckets=(0.1, 0.2), registry=CollectorRegistry())
        histogram.labels("graphql", "200").observe(0.05)
        histogram.labels("graphql", "400").observe(0.15)
        histogram.labels("graphql", "101").observe(900)
        histogram.labels("web", "200").observe(900)
        found = request_figures("graphql", histogram=histogram)
        assert found.count == 2
        assert found.p50_seconds == pytest.approx(0.1)
        assert found.p99_seconds == pytest.approx(0.198)

    def test_nothing_is_said_before_the_first_request(self) -> None:
        histogram = Histogram("t", "Times.", ["road", "status"], registry=CollectorRegistry())
        assert request_figures("graphql", histogram=histogram).p50_seconds is None

    def test_beyond_the_last_bound_the_bound_is_told(self) -> None:
        assert percentile([(0.1, 1.0), (float("inf"), 100.0)], 0.99) == 0.1
