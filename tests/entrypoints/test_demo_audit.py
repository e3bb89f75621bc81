"""The audit of what clients were told: it must see what is missing, or its silence proves nothing."""

from pathlib import Path

from hub.entrypoints.demo.audit import audit
from hub.entrypoints.demo.journal import TOLD, Entry, Journal, read_journals
from hub.kernel.ids import new_id
from hub_graphql.ids import global_id


def _told(kind: str, key: str = "k", **facts: object) -> Entry:
    return Entry("till-1", TOLD, kind, key, facts)


async def test_what_was_told_and_is_not_there_is_named_promise_by_promise(database):
    def unknown(name: str) -> str:
        return global_id(name, new_id())

    found = await audit(
        database,
        [
            _told("reservationCreate", "1", reservation=unknown("Reservation")),
            _told("reservationRelease", "2", reservation=unknown("Reservation")),
            _told("reservationCommit", "3", reservation=unknown("Reservation")),
            _told("orderPlace", "4", order=unknown("Order"), external_id="A", lines={"x": 1}, method="SHIP"),
            _told("orderReturn", "5", order_return=unknown("OrderReturn")),
            _told("fulfillmentOrderShip", "6", fulfillment_order=unknown("FulfillmentOrder")),
            _told("channelOrder", "", channel="square", external_id="S1", acknowledged=True),
            _told("channelOrder", "", channel="square", external_id="S2", acknowledged=False),
            _told("points", "", movements=[unknown("LoyaltyMovement")]),
        ],
    )
    assert [violation.invariant for violation in found] == [
        "told_reservation_exists",
        "told_release_happened",
        "told_commit_happened",
        "told_order_exists",
        "told_return_exists",
        "told_hand_over_happened",
        "acknowledged_order_is_captured",
        "told_points_exist",
    ]


async def test_two_answers_to_one_key_are_a_violation(database):
    twice = [_told("channelNote", "same", number=number) for number in (1, 2)]
    assert [violation.invariant for violation in await audit(database, twice)] == ["one_key_one_answer"]


def test_a_journal_is_read_back_up_to_a_line_cut_short(tmp_path: Path):
    journal = Journal(tmp_path / "till-1.jsonl", "till-1")
    journal.intend("orderPlace", "1", units=2)
    journal.told("orderPlace", "1", order="x")
    journal.refused("orderPlace", "2", "INSUFFICIENT_STOCK")
    journal.close()
    with (tmp_path / "till-1.jsonl").open("ab") as file:
        file.write(b'{"client": "till-1", "pha')
    entries = list(read_journals(tmp_path))
    assert [entry.phase for entry in entries] == ["INTENT", "TOLD", "REFUSED"]
    assert entries[2].facts == {"code": "INSUFFICIENT_STOCK"}
