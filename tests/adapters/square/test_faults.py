"""What Square's answers become when something is wrong."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from adapters.sdk.errors import AuthFailed, ContractBroken, Rejected, Retryable
from adapters.sdk.types import Shipment, ShippedLine
from adapters.square import ADAPTER, SquareConnection, SquareSettings
from tests.adapters.square.running import EPOCH, connect, ref, settings_for, update


def answering(answer: Callable[[httpx.Request], httpx.Response] | httpx.Response, **settings: Any) -> SquareConnection:
    handler = answer if callable(answer) else lambda _: answer
    return connect(settings_for(location_ids=["LBER"], **settings), httpx.MockTransport(handler))


def refusal(status: int, code: str, category: str = "INVALID_REQUEST_ERROR", **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"errors": [{"category": category, "code": code, "detail": "No.", **more}]})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(401, "ACCESS_TOKEN_EXPIRED", "AUTHENTICATION_ERROR"), AuthFailed),
        (refusal(403, "INSUFFICIENT_SCOPES", "AUTHENTICATION_ERROR"), AuthFailed),
        (refusal(400, "INVALID_VALUE"), Rejected),
        (refusal(400, "INTERNAL_SERVER_ERROR", "API_ERROR"), Retryable),
        (refusal(200, "INVALID_CURSOR"), Rejected),
        (httpx.Response(404), Rejected),
        (httpx.Response(200, text="<html>"), ContractBroken),
        (httpx.Response(200, json=[]), ContractBroken),
        (httpx.Response(200, json={"orders": [{}]}), ContractBroken),
    ],
)
async def test_an_answer_becomes_what_the_caller_does_next(answer: httpx.Response, error: type[Exception]) -> None:
    connection = answering(answer)
    with pytest.raises(error):
        await connection.pull_orders(cursor=None, modified_after=EPOCH)
    await connection.close()


async def test_a_refusal_names_code_detail_and_field() -> None:
    connection = answering(refusal(400, "INVALID_VALUE", field="query.limit"))
    with pytest.raises(Rejected, match=r"query\.limit: INVALID_VALUE: No\.") as caught:
        await connection.pull_orders(cursor=None, modified_after=EPOCH)
    assert caught.value.field == "query.limit"
    await connection.close()


@pytest.mark.parametrize("quantity", ["many", "NaN", "1E+99"])
async def test_a_count_that_is_no_number_breaks_the_contract(quantity: str) -> None:
    count = {"catalog_object_id": "MUG", "location_id": "LBER", "state": "IN_STOCK", "quantity": quantity}
    connection = answering(httpx.Response(200, json={"counts": [count]}))
    with pytest.raises(ContractBroken, match="quantity"):
        await connection.read_stock([ref("MUG")])
    await connection.close()


async def test_a_part_of_a_piece_is_not_shown() -> None:
    count = {"catalog_object_id": "MUG", "location_id": "LBER", "state": "IN_STOCK", "quantity": "2.75"}
    connection = answering(httpx.Response(200, json={"counts": [count]}))
    (reading,) = await connection.read_stock([ref("MUG")])
    assert reading.quantity == 2
    await connection.close()


async def test_pages_that_never_end_are_refused() -> None:
    connection = answering(httpx.Response(200, json={"counts": [], "cursor": "again"}), requests_per_second=100)
    connection._client._http._limiter = _Unlimited()
    with pytest.raises(ContractBroken, match="pages"):
        await connection.read_stock([ref("MUG")])
    await connection.close()


class _Unlimited:
    async def acquire(self) -> None:
        return

    def hold(self, seconds: float) -> None:
        raise AssertionError(seconds)


async def test_nothing_is_sent_when_there_is_nothing_to_say() -> None:
    def unexpected(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    connection = answering(unexpected)
    assert await connection.publish_stock([]) == ()
    assert await connection.read_stock([]) == ()
    await connection.close()


async def test_an_order_that_never_stays_still_is_tried_again_later() -> None:
    order = {
        "id": "O1",
        "location_id": "L1",
        "version": 1,
        "state": "OPEN",
        "fulfillments": [{"uid": "F", "type": "PICKUP", "state": "PROPOSED"}],
    }
    keys: list[str] = []

    def moving(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"order": order})
        keys.append(json.loads(request.content)["idempotency_key"])
        return refusal(409, "VERSION_MISMATCH")

    connection = answering(moving)
    with pytest.raises(Retryable, match="kept changing"):
        await connection.push_fulfillment(Shipment("O1", (), completes_order=True, idempotency_key="k"))
    assert keys == ["k", "k:1", "k:1"]
    await connection.close()


async def test_an_order_without_version_cannot_be_changed() -> None:
    order = {
        "id": "O1",
        "location_id": "L1",
        "state": "OPEN",
        "fulfillments": [{"uid": "F", "type": "PICKUP", "state": "PROPOSED"}],
    }
    connection = answering(httpx.Response(200, json={"order": order}))
    with pytest.raises(Rejected, match="does not let"):
        await connection.cancel_order("O1", reason="", idempotency_key="k")
    await connection.close()


async def test_the_token_is_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    connection = answering(refusal(400, "INVALID_VALUE"), access_token="EAAAsecret")
    results = await connection.publish_stock([update("MUG", 1)])
    await connection.close()
    assert "EAAAsecret" not in caplog.text + repr(results) + repr(settings_for(access_token="EAAAsecret"))


class TestSettings:
    def test_the_environment_chooses_the_address_unless_one_is_given(self) -> None:
        keys = {"access_token": "a", "webhook_signature_key": "b"}
        addresses = {
            SquareSettings.model_validate({**keys, "environment": one}).address for one in ("production", "sandbox")
        }
        assert len(addresses) == 2
        assert settings_for("http://127.0.0.1:9/").address == "http://127.0.0.1:9"

    @pytest.mark.parametrize(
        "changes",
        [
            {"access_token": ""}, {"webhook_signature_key": ""}, {"base_url": "square.test"}, {"base_url": "https://u:p@square.test"},
            {"notification_url": "ftp://hub.test"}, {"api_version": "latest"}, {"environment": "test"}, {"unknown": 1},
        ],
    )  # fmt: skip
    def test_bad_settings_are_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            settings_for(**changes)

    def test_settings_of_another_system_are_refused(self) -> None:
        class Other(SquareSettings.__base__):  # type: ignore[misc,name-defined]
            pass

        with pytest.raises(TypeError, match="SquareSettings"):
            ADAPTER.connect(Other())


class TestPartsOfAnOrder:
    """Orders that hold several fulfillments, which only Square itself can make."""

    def order(self, *fulfillments: dict[str, Any], **changes: Any) -> dict[str, Any]:
        return {
            "id": "O1",
            "location_id": "L1",
            "version": 4,
            "state": "OPEN",
            "fulfillments": list(fulfillments),
            **changes,
        }

    async def sent(self, order: dict[str, Any], call: Callable[[SquareConnection], Awaitable[None]]) -> dict[str, Any]:
        written: list[dict[str, Any]] = []

        def answer(request: httpx.Request) -> httpx.Response:
            if request.method == "PUT":
                written.append(json.loads(request.content)["order"])
            return httpx.Response(200, json={"order": order})

        connection = answering(answer)
        await call(connection)
        await connection.close()
        return written[0]

    async def test_a_shipment_completes_the_fulfillments_whose_every_piece_it_holds(self) -> None:
        def entry(uid: str, line: str, quantity: str) -> dict[str, Any]:
            entries = [{"line_item_uid": line, "quantity": quantity}]
            return {"uid": uid, "type": "SHIPMENT", "state": "PROPOSED", "entries": entries}

        shipment = Shipment(
            "O1", (ShippedLine("A", 2), ShippedLine("B", 1)), completes_order=False, idempotency_key="k"
        )
        order = self.order(entry("F1", "A", "2"), entry("F2", "B", "2"))
        written = await self.sent(order, lambda one: one.push_fulfillment(shipment))
        assert written["fulfillments"] == [{"uid": "F1", "state": "COMPLETED"}]

    async def test_an_order_of_which_a_part_was_handed_over_is_not_cancelled(self) -> None:
        done = {"uid": "F1", "type": "PICKUP", "state": "COMPLETED"}
        for order, words in (
            (self.order(done), "handed over"),
            (self.order(tenders=[{"id": "T", "type": "CASH"}]), "paid sale"),
        ):
            with pytest.raises(Rejected, match=words):
                await self.sent(order, lambda one: one.cancel_order("O1", reason="", idempotency_key="k"))

    async def test_an_open_ticket_without_payment_is_cancelled(self) -> None:
        written = await self.sent(self.order(), lambda one: one.cancel_order("O1", reason="", idempotency_key="k"))
        assert written == {"location_id": "L1", "version": 4, "state": "CANCELED"}
