"""The subscription: current state first, then the newest value of each change, resumable."""

import asyncio
from typing import Any

from hub_graphql.pagination import cursor_scope, encode_cursor

WATCH = """
subscription($skus: [String!]!, $channel: String, $after: String) {
  availabilityChanged(skus: $skus, channel: $channel, after: $after) {
    kind cursor availabilities { sku quantity state variant { sku } }
  }
}
"""


def numbers(payload: Any) -> tuple[str, list[tuple[str, int]]]:
    assert "errors" not in payload, payload
    event = payload["data"]["availabilityChanged"]
    return event["kind"], [(item["sku"], item["quantity"]) for item in event["availabilities"]]


async def next_of(stream: Any) -> Any:
    return await asyncio.wait_for(anext(stream), 20)


async def test_state_then_changes_then_resume(api, retailer, feed, relayed):
    [shirt] = await retailer.product("SHIRT")
    await retailer.stock(shirt, retailer.berlin, 3)
    await relayed()
    stream = api.stream(retailer.a, WATCH, skus=["SHIRT"])
    state = await next_of(stream)
    assert numbers(state) == ("STATE", [("SHIRT", 3)])
    await retailer.stock(shirt, retailer.berlin, 2)
    await relayed()
    change = await next_of(stream)
    assert numbers(change) == ("CHANGE", [("SHIRT", 2)])
    await stream.aclose()

    await retailer.stock(shirt, retailer.berlin, 7)
    await relayed()
    cursor = change["data"]["availabilityChanged"]["cursor"]
    resumed = api.stream(retailer.a, WATCH, skus=["SHIRT"], after=cursor)
    assert numbers(await next_of(resumed)) == ("CHANGE", [("SHIRT", 7)])
    await resumed.aclose()


async def test_a_cursor_that_is_not_kept_resyncs(api, retailer, feed):
    await retailer.product("SHIRT")
    unknown = encode_cursor(cursor_scope("availabilityChanged"), (10**9,))
    stream = api.stream(retailer.a, WATCH, skus=["SHIRT"], after=unknown)
    assert numbers(await next_of(stream)) == ("RESYNC", [("SHIRT", 0)])
    await stream.aclose()


async def test_values_are_computed_once_for_all_who_watch(api, retailer, feed):
    await retailer.product("SHIRT")
    before = len(api.statements.seen)
    streams = [api.stream(retailer.a, WATCH, skus=["SHIRT"]) for _ in range(5)]
    found = [numbers(await next_of(stream)) for stream in streams]
    assert found == [("STATE", [("SHIRT", 0)])] * 5
    assert len(feed._values) == 1
    assert not [seen for seen in api.statements.seen[before:] if "stock_levels" in seen]
    for stream in streams:
        await stream.aclose()


async def test_unknown_skus_and_other_channels_are_refused(api, retailer, feed):
    await retailer.product("SHIRT")
    for variables, code in (
        ({"skus": ["NO"]}, "UNKNOWN_SKU"),
        ({"skus": []}, "INVALID_INPUT"),
        ({"skus": ["SHIRT"], "channel": "shop-b"}, "CHANNEL_NOT_ALLOWED"),
        ({"skus": ["SHIRT"], "after": "garbage"}, "INVALID_CURSOR"),
    ):
        payload = await next_of(api.stream(retailer.a, WATCH, **variables))
        assert payload["errors"][0]["extensions"]["code"] == code
