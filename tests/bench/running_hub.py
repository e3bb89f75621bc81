"""A hub to measure: durable embedded Postgres, Valkey, and the hub's own processes as `hub up` starts them."""

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx

from hub.entrypoints.supervisor import SUPERVISED
from hub.infra.database import Database
from hub.infra.embedded import EmbeddedPostgres, EmbeddedValkey
from hub.infra.schema import upgrade
from hub.infra.sealing import load_sealer
from hub.infra.settings import Settings
from tests.bench import retailer
from tests.bench.documents import DOCUMENTS
from tests.bench.figure import tell
from tests.bench.processor_time import tree_seconds
from tests.bench.requests import PAGES, Facts

HOST: Final = "127.0.0.1"
READY_SECONDS: Final = 60
STOP_SECONDS: Final = 20
COMMAND: Final = (sys.executable, "-m", "hub.entrypoints.cli")


@dataclass(slots=True)
class ProcessorTime:
    """Seconds of CPU so far, by part."""

    server: float
    background: float
    postgres: float

    def since(self, before: "ProcessorTime") -> "ProcessorTime":
        return ProcessorTime(
            self.server - before.server, self.background - before.background, self.postgres - before.postgres
        )


@dataclass(slots=True)
class RunningHub:
    directory: Path
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    port: int
    facts: Facts
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def need(self, *parts: str) -> None:
        """Run exactly these of serve, worker and scheduler."""
        for name in [name for name in self.parts if name not in parts]:
            _finish(self.parts.pop(name))
        for name in parts:
            if name not in self.parts:
                self.parts[name] = self._start(name)
        self._wait_until_ready()

    def processor_time(self) -> ProcessorTime:
        assert self.postgres.pid is not None
        return ProcessorTime(
            server=tree_seconds(self.parts["serve"].pid),
            background=sum(tree_seconds(part.pid) for name, part in self.parts.items() if name != "serve"),
            postgres=tree_seconds(self.postgres.pid),
        )

    def ask(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        """One GraphQL answer, outside the measurement."""
        answer = httpx.post(
            f"http://{HOST}:{self.port}/graphql",
            json={"query": DOCUMENTS[document], "variables": variables},
            headers={"authorization": f"Bearer {self.facts.token}"},
            timeout=30,
        ).json()
        assert "errors" not in answer, json.dumps(answer["errors"])[:2000]
        data: dict[str, Any] = answer["data"]
        return data

    def stop(self) -> None:
        for part in self.parts.values():
            _finish(part)
        self.valkey.stop()
        self.postgres.stop()

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        environment = os.environ | hub_environment(self.directory, self.postgres, self.valkey)
        environment |= {"HUB_PORT": str(self.port), "HUB_LOG_FORMAT": "json", "HUB_LOG_LEVEL": "WARNING"}
        with (self.directory / f"{name}.log").open("ab") as output:
            return subprocess.Popen(
                [*COMMAND, name],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=environment | {SUPERVISED: "1"},
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            for name, part in self.parts.items():
                assert part.poll() is None, f"{name} ended: {(self.directory / f'{name}.log').read_text()[-3000:]}"
            try:
                if httpx.get(f"http://{HOST}:{self.port}/health/ready", timeout=5).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise TimeoutError("the hub did not become ready")


def hub_environment(directory: Path, postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> dict[str, str]:
    """What the hub's processes and this one must agree on."""
    return {
        "HUB_DATABASE_URL": postgres.url(),
        "HUB_REDIS_URL": valkey.url(),
        "HUB_DATA_DIR": str(directory),
        "HUB_SECRET_KEY": base64.b64encode(bytes(range(32))).decode(),
    }


@contextmanager
def running_hub() -> Iterator[RunningHub]:
    """A seeded hub with one serving process; everything is stopped and deleted at the end."""
    with running_servers() as (directory, postgres, valkey):
        shop_token, till_token = asyncio.run(_seed(directory, postgres, valkey))
        port = _free_port()
        facts = Facts(
            HOST,
            port,
            shop_token,
            till_token,
            skus=retailer.skus(),
            handles=retailer.handles(),
            webhook_path=f"/webhooks/{retailer.WOOCOMMERCE}",
            webhook_secret=retailer.WEBHOOK_SECRET,
            hot_sku=retailer.HOT,
        )
        hub = RunningHub(directory, postgres, valkey, port, facts)
        try:
            hub.need("serve")
            hub.facts = replace(facts, **_learnt(hub))
            yield hub
        finally:
            hub.stop()


@contextmanager
def running_servers() -> Iterator[tuple[Path, EmbeddedPostgres, EmbeddedValkey]]:
    """A durable, migrated, empty Postgres and a Valkey in a directory of their own."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name:
        directory = Path(name)
        postgres, valkey = EmbeddedPostgres(directory), EmbeddedValkey(directory)
        tell("starting Postgres (fsync on) and Valkey")
        postgres.start()
        valkey.start()
        try:
            asyncio.run(upgrade(postgres.url()))
            yield directory, postgres, valkey
        finally:
            valkey.stop()
            postgres.stop()


async def _seed(directory: Path, postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> tuple[str, str]:
    os.environ.update(hub_environment(directory, postgres, valkey))
    database = Database(postgres.url(), pool_size=4, statement_timeout_seconds=600, application_name="hub bench")
    try:
        tokens = await retailer.open_retailer(database, load_sealer(Settings()), directory)
        async with database.connection() as connection:
            await connection.exec_driver_sql("VACUUM ANALYZE")
            await connection.exec_driver_sql("CHECKPOINT")
        return tokens
    finally:
        await database.close()


def _learnt(hub: RunningHub) -> dict[str, Any]:
    """What only the API tells: the cursors of the first pages, and a location's global id."""
    cursors: list[str | None] = [None]
    while len(cursors) < PAGES:
        info = hub.ask("catalog_page", {"after": cursors[-1]})["products"]["pageInfo"]
        cursors.append(info["endCursor"])
    location = hub.ask("location", {"code": retailer.PLACES[0][0]})["location"]["id"]
    return {"cursors": cursors, "till_location": location}


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _finish(part: subprocess.Popen[bytes]) -> None:
    part.send_signal(signal.SIGTERM)
    try:
        part.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        part.kill()
        part.wait()
    if part.stdin is not None:
        part.stdin.close()
