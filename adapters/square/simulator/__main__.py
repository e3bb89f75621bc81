"""Runs the simulated account: `python -m adapters.square.simulator --catalog FILE.json --location L1=Berlin`.

Writes one JSON line with its `url` to stdout once it listens; ends on SIGINT or SIGTERM.
"""

import argparse
import json
import socket
import sys
from pathlib import Path

import uvicorn

from adapters.square.simulator import Hook, Seller, create_app


def main() -> None:
    options = _parser().parse_args()
    locations = dict(entry.partition("=")[::2] for entry in options.location)
    seller = Seller(access_token=options.access_token, currency=options.currency, locations=locations)
    if options.catalog is not None:
        seller.load(json.loads(options.catalog.read_text(encoding="utf-8")))
        seller.pending.clear()
    hook = None
    if options.hook:
        hook = Hook(options.hook, options.signature_key, options.notification_url)
    with socket.create_server((options.host, options.port)) as listener:
        url = f"http://{options.host}:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(create_app(seller, hook=hook), log_level="warning"))
        started = {"url": url, "products": len(seller.items), "locations": list(seller.locations)}
        sys.stdout.write(json.dumps(started) + "\n")
        sys.stdout.flush()
        server.run(sockets=[listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m adapters.square.simulator", description="A seller account shaped like Square."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--catalog", type=Path, help="JSON list of {id, name, sku, price, stock, variations}")
    parser.add_argument("--location", action="append", default=[], metavar="ID=NAME", help="repeat for each location")
    parser.add_argument("--access-token", default="EAAAsimulator")
    parser.add_argument("--currency", default="USD")
    parser.add_argument("--hook", help="the hub's webhook URL for this channel")
    parser.add_argument("--signature-key", default="s3cret")
    parser.add_argument("--notification-url", default="", help="the URL that is signed, when not --hook")
    return parser


if __name__ == "__main__":
    main()
