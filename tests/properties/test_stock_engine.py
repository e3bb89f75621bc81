"""The stock engine on a real Postgres against a model of what stock should be."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from hub.infra.embedded import EmbeddedPostgres
from tests.properties.stock_machine import StockMachine
from tests.properties.stock_world import StockWorld

STEPS = 50
LEAST_STEPS = 1_000


def explore(world: StockWorld, examples: int) -> None:
    profile = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )

    class InThisWorld(StockMachine):
        def __init__(self) -> None:
            super().__init__(world)

    run_state_machine_as_test(InThisWorld, settings=profile)


def run_part(postgres: EmbeddedPostgres) -> None:
    with StockWorld(postgres) as world:
        while world.steps < LEAST_STEPS:
            explore(world, (LEAST_STEPS - world.steps) // STEPS + 1)


@pytest.mark.parametrize("_part", range(3))
def test_no_sequence_of_use_cases_breaks_a_stock_promise(postgres: EmbeddedPostgres, _part: int) -> None:
    run_part(postgres)


@pytest.mark.full
@pytest.mark.parametrize("_part", range(8))
def test_no_longer_run_of_use_cases_breaks_a_stock_promise(postgres: EmbeddedPostgres, _part: int) -> None:
    run_part(postgres)
