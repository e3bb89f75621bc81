"""A small seller account that answers like Square's API, over real HTTP, for the demo and the tests.

`Seller` is its state, `create_app(seller)` its HTTP face, `python -m adapters.square.simulator` the program.
It checks what Square checks (token, versions, idempotency keys, instants of counts, sizes), sells at its
tills without asking anyone, and repeats webhooks that were not taken.
"""

from adapters.square.simulator.app import create_app
from adapters.square.simulator.hooks import Hook
from adapters.square.simulator.seller import Event, Sale, SaleLine, Seller

__all__ = ["Event", "Hook", "Sale", "SaleLine", "Seller", "create_app"]
