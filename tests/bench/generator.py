"""The load generator: a process of its own that keeps `clients` requests in flight and measures each.

A closed loop over plain asyncio streams of bytes, because a comfortable HTTP client would take the processor from
what is measured. Reads an `Assignment` as JSON on standard input; writes `begin` when the warm-up is over and `end`
with its result as JSON.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field

from tests.bench.figure import MAX_LATENCIES
from tests.bench.requests import Facts, make_operation
from tests.bench.requests import Operation as Sends

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Assignment:
    """`limit` 0: for `seconds`; else exactly so many requests, all measured, without warm-up."""

    operation: str
    facts: Facts
    clients: int
    seconds: float
    warmup_seconds: float
    limit: int = 0


@dataclass(slots=True)
class Result:
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    sample_failure: str = ""


class _Load:
    """State shared by the connections of one run."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.sends: Sends = make_operation(assignment.operation, assignment.facts)
        self.result = Result()
        self.outcomes: Counter[str] = Counter()
        self.measuring = False
        self.stopping = False
        self.sent = 0
        self.active = 0
        self.idle = asyncio.Event()

    def next_request(self) -> bytes | None:
        limit = self.assignment.limit
        if self.stopping or (limit and self.sent >= limit):
            return None
        self.sent += 1
        return self.sends.request()

    def answered(self, began: float, status: int, body: bytes) -> None:
        if not self.measuring:
            return
        outcome = self.sends.outcome(status, body)
        self.outcomes[outcome] += 1
        if outcome == "failed" and not self.result.sample_failure:
            self.result.sample_failure = f"{status} {body[:600].decode(errors='replace')}"
        if len(self.result.latencies_ms) < MAX_LATENCIES:
            self.result.latencies_ms.append((time.perf_counter() - began) * 1000)


class _Client(asyncio.Protocol):
    """One keep-alive connection with one request in flight."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._buffer = bytearray()
        self._began = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._load.active += 1
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio names it)
        self._load.active -= 1
        if not self._load.active:
            self._load.idle.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(_HEAD_END)
        if head_end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, head_end)
        body_start = head_end + len(_HEAD_END)
        body_end = body_start + (int(length[1]) if length else 0)
        if len(self._buffer) < body_end:
            return
        status = int(self._buffer[9:12])
        self._load.answered(self._began, status, bytes(self._buffer[body_start:body_end]))
        self._buffer.clear()
        self._send()

    def _send(self) -> None:
        assert self._transport is not None
        request = self._load.next_request()
        if request is None:
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(request)


async def run(assignment: Assignment) -> Result:
    load = _Load(assignment)
    loop = asyncio.get_running_loop()
    if assignment.limit:
        await _begin(load)
    began = time.perf_counter()
    facts = assignment.facts
    await asyncio.gather(
        *(loop.create_connection(lambda: _Client(load), facts.host, facts.port) for _ in range(assignment.clients))
    )
    if not assignment.limit:
        await asyncio.sleep(assignment.warmup_seconds)
        await _begin(load)
        began = time.perf_counter()
        await asyncio.sleep(assignment.seconds)
        load.measuring = False
        load.result.seconds = time.perf_counter() - began
        load.stopping = True
    else:
        await load.idle.wait()
        load.result.seconds = time.perf_counter() - began
    load.result.outcomes = dict(load.outcomes)
    return load.result


async def _begin(load: _Load) -> None:
    """Tell the parent, which reads its clocks before it answers with a line."""
    sys.stdout.write("begin\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    load.measuring = True


def main() -> None:
    plan = json.loads(sys.stdin.readline())
    assignment = Assignment(**{**plan, "facts": Facts(**plan["facts"])})
    result = asyncio.run(run(assignment))
    sys.stdout.write(f"end {json.dumps(asdict(result))}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
