"""kill -9 of any process at any moment: what a client was told stays true."""

from pathlib import Path

import pytest

from tests.faults.killing import TARGETS, endure


@pytest.mark.full
@pytest.mark.timeout(900)
async def test_twelve_kills_of_every_part_lose_nothing_that_a_client_was_told(tmp_path: Path):
    ordeal = await endure(tmp_path / "hub", kills=12, seconds_between=5, seed=20261122)
    assert ordeal.violations == []
    assert set(ordeal.killed) == set(TARGETS)
    assert len(ordeal.killed) >= 10
    assert ordeal.told >= 100
    assert ordeal.figures.oversold == 0
    assert ordeal.agreed, "the channels show other stock than the hub, or an order of theirs is missing"
