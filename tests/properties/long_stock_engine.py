"""The stock engine against its model for as long as wanted: `make test-long`, with OPERATIONS in the environment."""

import os
import time

import pytest

from hub.infra.embedded import EmbeddedPostgres
from tests.properties.stock_world import StockWorld
from tests.properties.test_stock_engine import explore

OPERATIONS = int(os.environ.get("OPERATIONS", "1000000"))
EXAMPLES_AT_ONCE = 20


@pytest.mark.timeout(0)
def test_no_sequence_of_a_million_use_cases_breaks_a_stock_promise(
    postgres: EmbeddedPostgres, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.monotonic()
    with StockWorld(postgres) as world:
        while world.steps < OPERATIONS:
            explore(world, EXAMPLES_AT_ONCE)
            seconds = time.monotonic() - begun
            with capsys.disabled():
                print(
                    f"stock model: {world.steps:,} operations in {world.examples:,} examples and {seconds:,.0f} s "
                    f"({world.steps / seconds:,.0f}/s), no promise broken",
                    flush=True,
                )
