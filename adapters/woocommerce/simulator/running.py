"""Serves a store inside the running event loop, on a free local port."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from litestar import Litestar

from adapters.woocommerce.simulator.app import create_app
from adapters.woocommerce.simulator.hooks import Hook
from adapters.woocommerce.simulator.shop import Shop


@asynccontextmanager
async def running(shop: Shop, *, hook: Hook | None = None) -> AsyncIterator[str]:
    """The store's base URL for as long as the block lasts."""
    async with serving(create_app(shop, hook=hook)) as url:
        yield url


@asynccontextmanager
async def serving(app: Litestar) -> AsyncIterator[str]:
    """The base URL of any application; connections are accepted from the block's first line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", loop="asyncio", ws="none"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
