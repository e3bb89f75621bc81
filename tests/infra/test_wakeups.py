"""Wake-ups: few, bounded, heard when there is Redis, never in the way when there is none."""

import asyncio
from pathlib import Path

import pytest
import redis
from redis.exceptions import RedisError

from hub.infra import broker, wakeups, work
from hub.infra.broker import WakeUpSender
from hub.infra.database import Database
from hub.infra.listener import Listener
from hub.infra.redis_client import connect
from hub.infra.wakeups import WakeUps


def queued(redis_url: str, queue: str) -> int:
    with redis.Redis.from_url(redis_url) as client:
        return int(client.llen(f"{broker.NAMESPACE}:{queue}"))


async def test_a_listener_hears_an_announcement(redis_url: str) -> None:
    waker = WakeUps(redis_url)
    async with Listener(redis_url, "hub:test") as listener, asyncio.timeout(30):
        assert await listener.wait(30)  # connected
        waker.announce("hub:test")
        assert await listener.wait(30)
        assert listener.connected
    await waker.close()


async def test_without_redis_a_listener_only_waits(tmp_path: Path) -> None:
    for url in (None, f"unix://{tmp_path}/nobody.sock"):
        async with Listener(url, "hub:test") as listener:
            assert not await listener.wait(0.01)
            listener.wake()
            assert await listener.wait(30)


async def test_a_wait_that_is_woken_and_cancelled_at_once_ends() -> None:
    """A process stops while a wake-up arrives: the reader must not go on for ever."""
    listener = Listener(None, "hub:test")

    async def read() -> None:
        while True:
            await listener.wait(0.01)

    for _ in range(20):
        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        listener.wake()
        await asyncio.sleep(0)
        reading.cancel()
        async with asyncio.timeout(30):
            await asyncio.wait([reading])
        assert reading.cancelled()


async def test_many_commits_make_few_wake_ups(database: Database, redis_url: str) -> None:
    waker = WakeUps(redis_url)
    waker.watch(database)
    for number in range(30):
        async with database.write() as session:
            await work.enqueue(session, "a", str(number))
    await waker.close()
    assert 1 <= queued(redis_url, work.DEFAULT_QUEUE) <= 30


async def test_a_commit_without_events_or_work_wakes_nobody(database: Database, redis_url: str) -> None:
    waker = WakeUps(redis_url)
    waker.watch(database)
    async with database.write():
        pass
    await waker.close()
    assert queued(redis_url, work.DEFAULT_QUEUE) == 0


def test_wake_ups_that_nobody_takes_do_not_pile_up(redis_url: str) -> None:
    sender = WakeUpSender(redis_url)
    sent = [sender.send("default", 1000) for _ in range(10)]
    sender.close()
    assert max(sent) == broker.MAX_SENT_AT_ONCE
    assert sum(sent) == queued(redis_url, "default") == broker.MAX_PENDING


def test_a_sender_without_redis_gives_up_with_an_error(tmp_path: Path) -> None:
    sender = WakeUpSender(f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(RedisError):
        sender.send("default")
    sender.close()


async def test_after_a_failure_sending_pauses_and_goes_on(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "PAUSE_AFTER_FAILURE_SECONDS", 0.0)
    waker = WakeUps(f"unix://{tmp_path}/nobody.sock")
    waker.wake_queue("default")
    assert waker._flushing is not None
    await waker._flushing
    assert waker._failing
    waker._client, waker._sender = connect(redis_url), WakeUpSender(redis_url)
    waker.wake_queue("default")
    await waker.close()
    assert not waker._failing
    assert queued(redis_url, "default") == 1
