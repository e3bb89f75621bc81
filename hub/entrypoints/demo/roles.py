"""What a client process is told when it starts, and how it runs until it is told to stop."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Role:
    """Who the client is. `token` is its own credential; `extra` is what only this kind of client needs."""

    name: str
    url: str
    token: str = field(repr=False)
    directory: str
    seed: int
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def journal_path(self) -> Path:
        return Path(self.directory) / "journals" / f"{self.name}.jsonl"

    @property
    def codes(self) -> Path:
        """Where customers keep the pickup codes that the shop gave them: one file per fulfillment order."""
        return Path(self.directory) / "codes"

    def write(self) -> Path:
        """Store the role for its process, readable by this user only."""
        path = Path(self.directory) / "roles" / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(self), file)
        return path


def play(main: Callable[[Role, asyncio.Event], Awaitable[None]]) -> None:
    """Run a client: `python -m … ROLE.json` until SIGTERM, or until whoever started it is gone."""
    role = Role(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    asyncio.run(_until_stopped(role, main))


async def _until_stopped(role: Role, main: Callable[[Role, asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    threading.Thread(target=watch_parent, name="parent watch", daemon=True).start()
    work = asyncio.ensure_future(main(role, stop))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        await asyncio.wait({work}, timeout=STOP_SECONDS)
    stopping.cancel()
    if not work.done():
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
    else:
        work.result()


def watch_parent() -> None:
    """Ends this process when whoever holds the other end of its standard input is gone. Runs in a thread."""
    while os.read(sys.stdin.fileno(), 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but not longer than until the end."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
