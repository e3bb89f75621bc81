"""Runs the simulated store: `python -m adapters.woocommerce.simulator --catalog FILE.json`.

Writes one JSON line with its `url` to stdout once it listens; ends on SIGINT or SIGTERM.
"""

import argparse
import json
import socket
import sys
from pathlib import Path

import uvicorn

from adapters.woocommerce.simulator import Hook, Shop, create_app


def main() -> None:
    options = _parser().parse_args()
    shop = Shop(consumer_key=options.consumer_key, consumer_secret=options.consumer_secret, currency=options.currency)
    if options.catalog is not None:
        shop.load(json.loads(options.catalog.read_text(encoding="utf-8")))
        shop.pending.clear()
    hook = Hook(options.hook, options.webhook_secret) if options.hook else None
    with socket.create_server((options.host, options.port)) as listener:
        url = f"http://{options.host}:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(create_app(shop, hook=hook), log_level="warning"))
        sys.stdout.write(json.dumps({"url": url, "products": len(shop.items)}) + "\n")
        sys.stdout.flush()
        server.run(sockets=[listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m adapters.woocommerce.simulator", description="A store shaped like WooCommerce."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--catalog", type=Path, help="JSON list of {id, name, sku, price, stock, variations}")
    parser.add_argument("--consumer-key", default="ck_simulator")
    parser.add_argument("--consumer-secret", default="cs_simulator")
    parser.add_argument("--currency", default="USD")
    parser.add_argument("--hook", help="the hub's webhook URL for this channel")
    parser.add_argument("--webhook-secret", default="s3cret")
    return parser


if __name__ == "__main__":
    main()
