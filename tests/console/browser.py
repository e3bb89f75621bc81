"""Headless Chromium over its DevTools protocol: as much of it as the tests of pages need."""

import asyncio
import base64
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0",
)  # fmt: skip
PATIENCE_SECONDS = 60
LOOK_EVERY_SECONDS = 0.05


class Page:
    """One tab. `problems` collects what the console and the content security policy complained about."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.problems: list[str] = []

    async def listen(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if message.get("id") in self._waiting:
                self._waiting.pop(message["id"]).set_result(message)
            elif message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] in {
                "error",
                "warning",
            }:
                self.problems.append(message["params"]["entry"]["text"])
            elif message.get("method") == "Runtime.exceptionThrown":
                self.problems.append(json.dumps(message["params"]["exceptionDetails"]))
            elif message.get("method") == "Runtime.consoleAPICalled" and message["params"]["type"] in {
                "error",
                "warning",
            }:
                self.problems.append(json.dumps(message["params"]["args"]))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        async with asyncio.timeout(PATIENCE_SECONDS):
            message = await answer
        assert "error" not in message, message
        found: dict[str, Any] = message["result"]
        return found

    async def evaluate(self, expression: str) -> Any:
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    async def until(self, expression: str) -> Any:
        """What the expression gives once it is true; fails after PATIENCE_SECONDS with what the page complained of."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not (found := await self._attempt(expression)):  # noqa: ASYNC110 (the page changes elsewhere)
                    await asyncio.sleep(LOOK_EVERY_SECONDS)
        except TimeoutError:
            text = await self.evaluate("document.body.innerText")
            raise AssertionError(f"never true: {expression}\nproblems: {self.problems}\npage:\n{text}") from None
        return found

    async def _attempt(self, expression: str) -> Any:
        """False while the page is between two documents or lacks what the expression looks at."""
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return False if "exceptionDetails" in result else result["result"].get("value")

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)
        await self.until(f"document.readyState === 'complete' && location.href.startsWith({json.dumps(url)})")

    async def type(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def press(self, key: str, *, text: str = "") -> None:
        code = {"Enter": 13, "Tab": 9}.get(key, 0)
        await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, text=text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    async def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < height}
        await self.call("Emulation.setDeviceMetricsOverride", **size)

    async def prefer(self, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def screenshot(self, path: Path) -> None:
        picture = await self.call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(picture["data"]))


@asynccontextmanager
async def open_page() -> AsyncIterator[Page]:
    """A tab of a fresh browser. Fails when Chromium is not installed (`apt install chromium`)."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "this test needs Chromium: apt install chromium"
    with tempfile.TemporaryDirectory(prefix="hub-browser-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program,
            *FLAGS,
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with _attached(Path(profile)) as page:
                yield page
        finally:
            process.kill()
            await process.wait()


@asynccontextmanager
async def _attached(profile: Path) -> AsyncIterator[Page]:
    port = await _debugging_port(profile / "DevToolsActivePort")
    async with connect(await _tab_address(port), max_size=None, proxy=None) as socket:
        page = Page(socket)
        listening = asyncio.create_task(page.listen())
        for domain in ("Page", "Runtime", "Log"):
            await page.call(f"{domain}.enable")
        yield page
        listening.cancel()


async def _debugging_port(file: Path) -> int:
    """Chromium writes the port it chose into its profile."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not file.exists() or "\n" not in file.read_text():  # noqa: ASYNC110, ASYNC240 (another process writes it)
            await asyncio.sleep(LOOK_EVERY_SECONDS)
    return int(file.read_text().splitlines()[0])  # noqa: ASYNC240


async def _tab_address(port: int) -> str:
    import httpx

    async with httpx.AsyncClient(trust_env=False) as client:
        tabs = (await client.get(f"http://127.0.0.1:{port}/json/list")).json()
    address: str = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
    return address
