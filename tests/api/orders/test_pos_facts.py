"""What tills report through the API, by the documents that they send."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hub.kernel.ids import new_id
from tests.api.orders.conftest import Retailer, document
from tests.factories import set_stock

SALES = document("pos/RecordSales")
RETURNS = document("pos/RecordReturns")


def price(amount: str = "19.90") -> dict[str, str]:
    return {"amount": amount, "currencyCode": "EUR"}


def sale(receipt: str, **changes: Any) -> dict[str, Any]:
    line = {"sku": "SHIRT", "quantity": 1, "unitPrice": price()}
    return {"receipt": receipt, "occurredAt": datetime.now(UTC).isoformat(), "lines": [line]} | changes


def goods(receipt: str, original: str | None) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    line = {"sku": "SHIRT", "quantity": 1}
    return {"receipt": receipt, "occurredAt": now, "originalReceipt": original, "lines": [line]}


async def test_sales_are_recorded_once_whatever_the_key(retailer: Retailer) -> None:
    till = retailer.till(retailer.berlin)
    await set_stock(retailer.database, retailer.shirt, retailer.berlin, 9)
    sent = [sale("1"), sale("2", customer={"email": "ada@example.org", "emailVerified": True})]
    first = await retailer.change(till, SALES, sales=sent)
    again = await retailer.change(till, SALES, sales=[sent[1]])
    assert [row["recorded"] for row in first["rows"]] == [True, True]
    assert again["rows"] == [first["rows"][1] | {"known": True}]
    assert (first["errors"], first["replayed"], again["replayed"]) == ([], False, False)
    same = await retailer.change(till, SALES, sales=sent, idempotencyKey="k", sentAt="2026-01-01T00:00:00Z")
    later = await retailer.change(till, SALES, sales=sent, idempotencyKey="k", sentAt="2026-01-01T00:05:00Z")
    assert (same["rows"], later["replayed"]) == (later["rows"], True)


async def test_returns_are_linked_and_unlinked(retailer: Retailer) -> None:
    till = retailer.till(retailer.berlin)
    sold = await retailer.change(till, SALES, sales=[sale("1")])
    back = await retailer.change(till, RETURNS, returns=[goods("2", "1"), goods("3", "1"), goods("4", None)])
    assert [row["linked"] for row in back["rows"]] == [[1], [0], [0]]
    assert back["rows"][0]["order"]["id"] == sold["rows"][0]["order"]["id"]
    assert back["rows"][0]["orderReturn"] is not None
    assert [len(row["warnings"]) for row in back["rows"]] == [0, 1, 1]


async def test_promises_at_risk_are_named(retailer: Retailer) -> None:
    # The retailer's order of a shirt waits in a queue; the shelf is sold empty meanwhile.
    await set_stock(retailer.database, retailer.shirt, retailer.hamburg, 0)
    await set_stock(retailer.database, retailer.shirt, retailer.berlin, 1)
    await retailer.place()
    later = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
    payload = await retailer.change(
        retailer.till(retailer.berlin), SALES, sales=[sale("1", occurredAt=later, lines=many(50))]
    )
    [row] = payload["rows"]
    assert [item["sku"] for item in row["affectedAllocations"]] == ["SHIRT"]
    assert row["warnings"]


def many(quantity: int) -> list[dict[str, Any]]:
    return [{"sku": "SHIRT", "quantity": quantity, "unitPrice": price()}]


async def test_a_row_that_cannot_be_read_is_refused_where_it_is_wrong(retailer: Retailer) -> None:
    wrong = sale("2", lines=[{"sku": "SHIRT", "quantity": 1, "unitPrice": price("1.234")}])
    payload = await retailer.change(retailer.till(retailer.berlin), SALES, sales=[sale("1"), wrong])
    assert [row["recorded"] for row in payload["rows"]] == [True, False]
    [error] = payload["rows"][1]["errors"]
    assert (error["code"], error["path"]) == (
        "INVALID_AMOUNT",
        ["input", "sales", "1", "lines", "0", "unitPrice", "amount"],
    )
    strict = await retailer.change(
        retailer.till(retailer.berlin), SALES, sales=[sale("3"), wrong], errorPolicy="REJECT_EVERYTHING"
    )
    assert [row["recorded"] for row in strict["rows"]] == [False, False]
    assert [error["code"] for error in strict["errors"]] == ["INVALID_AMOUNT"]


async def test_only_tills_report(retailer: Retailer) -> None:
    given = {"sales": [sale("1")], "idempotencyKey": str(new_id())}
    answer = await retailer.ask(retailer.shop_key(), SALES, input=given)
    assert answer["errors"][0]["extensions"]["code"] == "TERMINAL_REQUIRED"


async def test_the_number_of_statements_of_a_replay_does_not_grow_with_its_rows(retailer: Retailer) -> None:
    till = retailer.till(retailer.berlin)
    sent = [sale(str(number)) for number in range(6)]
    await retailer.change(till, SALES, sales=sent)

    async def counted(rows: list[dict[str, Any]]) -> int:
        given = {"sales": rows, "idempotencyKey": str(new_id())}
        return await retailer.statements(till, SALES, input=given)

    assert await counted(sent[:1]) == await counted(sent)
