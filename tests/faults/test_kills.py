"""kill -9 of any process, cut connections, an emptied cache, at any moment: what a client was told stays true."""

import os
from pathlib import Path

import pytest

from tests.faults.blows import TARGETS
from tests.faults.killing import endure

BLOWS = int(os.environ.get("HUB_TEST_BLOWS", "21"))
SECONDS_BETWEEN = 5


@pytest.mark.full
@pytest.mark.timeout(600 + 3 * SECONDS_BETWEEN * BLOWS)
async def test_blows_to_every_part_lose_nothing_that_a_client_was_told(tmp_path: Path):
    ordeal = await endure(tmp_path / "hub", blows=BLOWS, seconds_between=SECONDS_BETWEEN, seed=20261122)
    assert ordeal.violations == []
    assert set(ordeal.struck) == set(TARGETS)
    assert len(ordeal.struck) >= 0.9 * BLOWS
    assert ordeal.told >= 100
    assert ordeal.figures.oversold == 0
    assert ordeal.agreed, "the channels show other stock than the hub, or an order of theirs is missing"
