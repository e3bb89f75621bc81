"""A small store that answers like WooCommerce's REST API v3, over real HTTP, for the demo and the tests.

`Shop` is its state, `create_app(shop)` its HTTP face,
`python -m adapters.woocommerce.simulator` the program.
What it answers has the fields of recordings of a real 11.0.1 server; it sells, lowers its own stock without
looking (as the real one does) and posts signed webhooks that it never retries.
"""

from adapters.woocommerce.simulator.app import create_app
from adapters.woocommerce.simulator.hooks import Delivery, Hook
from adapters.woocommerce.simulator.shop import Sale, SaleLine, Shop

__all__ = ["Delivery", "Hook", "Sale", "SaleLine", "Shop", "create_app"]
