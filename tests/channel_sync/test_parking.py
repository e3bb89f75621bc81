"""What a pull could not take stays in sight, also when the same thing happens once more."""

from sqlalchemy import text

from hub.channel_sync import parked, replay
from hub.channel_sync.inbox import Misfit, park_pulled
from tests.channel_sync.stage import SEALER, Stage

BROKEN = Misfit("CONTRACT_BROKEN", "/lines/0/price")


async def park(stage: Stage) -> None:
    async with stage.database.write() as session:
        await park_pulled(session, stage.channel_id, "77", BROKEN, sealer=SEALER)


async def test_an_order_that_was_replayed_and_breaks_again_is_parked_again(stage: Stage) -> None:
    await park(stage)
    await park(stage)
    [row] = await stage.inbox()
    async with stage.database.write() as session:
        await replay(session, row.id)
        await session.execute(text("UPDATE inbox SET state = 'DONE', processed_at = hub_now()"))
    await park(stage)
    async with stage.database.read() as session:
        [again] = await parked(session, stage.channel_id)
    assert (again.external_id, again.error_code, again.error_detail) == ("77", BROKEN.code, BROKEN.detail)
