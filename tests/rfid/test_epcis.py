"""EPCIS 2.0: what is told as an event, what is taken from one, and what is refused by name."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from hub.kernel.ids import new_id
from hub.rfid import EpcisError, SessionView
from hub.rfid.epcis import CONTEXT, document_of, observed_in

FIRST, SECOND = "urn:epc:id:sgtin:0614141.107346.2017", "urn:epc:id:sgtin:0614141.107346.2018"
DOCUMENT: dict[str, Any] = {
    "@context": [CONTEXT, {"example": "http://ns.example.com/epcis/"}],
    "id": "https://id.example.org/document1",
    "type": "EPCISDocument",
    "schemaVersion": "2.0",
    "creationDate": "2005-07-11T11:30:47.0Z",
    "epcisBody": {
        "eventList": [
            {
                "eventID": "ni:///sha-256;df7bb3c352fef055578554f09f5e2aa41782150ced7bd0b8af24dd3ccb30ba69?ver=CBV2.0",
                "type": "ObjectEvent",
                "action": "OBSERVE",
                "bizStep": "shipping",
                "disposition": "in_transit",
                "epcList": [FIRST, SECOND],
                "eventTime": "2005-04-03T20:33:31.116000-06:00",
                "eventTimeZoneOffset": "-06:00",
                "readPoint": {"id": "urn:epc:id:sgln:0614141.07346.1234"},
                "bizTransactionList": [{"type": "po", "bizTransaction": "http://transaction.acme.com/po/12345678"}],
                "example:myField": {"any": ["thing"]},
            }
        ]
    },
}


def changed(value: Any, *path: str | int) -> dict[str, Any]:
    """The document with another value there, or without the member when the value is `...`."""
    document = deepcopy(DOCUMENT)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


EVENT = ("epcisBody", "eventList", 0)


def closed(purpose: str = "COUNT", transfer_id: UUID | None = None) -> SessionView:
    at = datetime(2026, 3, 1, 12, 30, 15, 250_000, UTC)
    return SessionView(new_id(), purpose, "CLOSED", new_id(), transfer_id, new_id(), 2, 1, 3, at, at, at, None, 1, 0)


class TestTaking:
    def test_every_epc_in_order_with_its_place(self) -> None:
        assert [(item.epc, item.path) for item in observed_in(DOCUMENT)] == [
            (FIRST, ("epcisBody", "eventList", "0", "epcList", "0")),
            (SECOND, ("epcisBody", "eventList", "0", "epcList", "1")),
        ]

    @pytest.mark.parametrize("context", [CONTEXT, [CONTEXT], [{"example": "http://x.example/"}, CONTEXT]])
    def test_a_context_is_a_uri_or_a_list(self, context: Any) -> None:
        document = changed(context, "@context")
        del document["epcisBody"]["eventList"][0]["example:myField"]
        assert len(observed_in(document)) == 2

    def test_an_event_may_declare_its_own_prefixes(self) -> None:
        document = changed({"own": "http://own.example/"}, *EVENT, "@context")
        document["epcisBody"]["eventList"][0]["own:field"] = 1
        assert len(observed_in(document)) == 2

    @pytest.mark.parametrize(
        ("value", "path"),
        [
            (..., ("@context",)),
            (["https://www.w3.org/ns/activitystreams"], ("@context",)),
            ([CONTEXT, 7], ("@context",)),
            (..., ("type",)),
            ("EPCISQueryDocument", ("type",)),
            (..., ("schemaVersion",)),
            ("1.2", ("schemaVersion",)),
            (2.0, ("schemaVersion",)),
            (..., ("creationDate",)),
            ("yesterday", ("creationDate",)),
            ("2005-02-30T11:30:47Z", ("creationDate",)),
            ("2005-07-11T11:30:47", ("creationDate",)),
            ("x", ("unknown",)),
            (..., ("epcisBody",)),
            ([], ("epcisBody",)),
            ([], ("epcisBody", "eventList")),
            ({}, ("epcisBody", "eventList")),
            ("AggregationEvent", (*EVENT, "type")),
            ("ADD", (*EVENT, "action")),
            (..., (*EVENT, "action")),
            (..., (*EVENT, "eventTime")),
            (7, (*EVENT, "eventTime")),
            (..., (*EVENT, "eventTimeZoneOffset")),
            ("+15:00", (*EVENT, "eventTimeZoneOffset")),
            ("soon", (*EVENT, "recordTime")),
            (..., (*EVENT, "epcList")),
            ([], (*EVENT, "epcList")),
            ("x", (*EVENT, "epcList")),
            ([], (*EVENT, "quantityList")),
            ({}, (*EVENT, "errorDeclaration")),
            ({}, (*EVENT, "ilmd")),
            ({"id": 7}, (*EVENT, "readPoint")),
            ({}, (*EVENT, "bizLocation")),
            ([{}], (*EVENT, "bizTransactionList")),
            ([7], (*EVENT, "bizTransactionList")),
            ("no uri", (*EVENT, "eventID")),
            (7, (*EVENT, "bizStep")),
            (1, (*EVENT, "other:field")),
            (1, (*EVENT, "field")),
        ],
    )
    def test_what_is_not_epcis_is_refused_by_name(self, value: Any, path: tuple[str | int, ...]) -> None:
        with pytest.raises(EpcisError) as caught:
            observed_in(changed(value, *path))
        told = ".".join(caught.value.path)
        assert told.startswith(".".join(map(str, path))) or (value is ... and told.startswith("epcisBody"))

    @pytest.mark.parametrize("epc", [7, None, "", "not a uri", "3074257BF7194E4000001A85"])
    def test_an_epc_is_a_uri(self, epc: Any) -> None:
        with pytest.raises(EpcisError) as caught:
            observed_in(changed([FIRST, epc], *EVENT, "epcList"))
        assert caught.value.path == ("epcisBody", "eventList", "0", "epcList", "1")

    def test_events_are_bounded(self) -> None:
        with pytest.raises(EpcisError):
            observed_in(changed(DOCUMENT["epcisBody"]["eventList"] * 1_001, "epcisBody", "eventList"))


class TestTelling:
    def test_a_count(self) -> None:
        view = closed()
        assert document_of(view, [FIRST]) == {
            "@context": [CONTEXT],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-03-01T12:30:15.250Z",
            "epcisBody": {
                "eventList": [
                    {
                        "type": "ObjectEvent",
                        "eventID": f"urn:uuid:{view.id}",
                        "eventTime": "2026-03-01T12:30:15.250Z",
                        "eventTimeZoneOffset": "+00:00",
                        "action": "OBSERVE",
                        "epcList": [FIRST],
                        "bizStep": "cycle_counting",
                        "readPoint": {"id": f"urn:uuid:{view.location_id}"},
                        "bizLocation": {"id": f"urn:uuid:{view.location_id}"},
                    }
                ]
            },
        }

    @pytest.mark.parametrize(
        ("purpose", "step", "disposition"),
        [("DISPATCH", "shipping", "in_transit"), ("RECEIPT", "receiving", "in_progress")],
    )
    def test_a_transfer(self, purpose: str, step: str, disposition: str) -> None:
        transfer_id = new_id()
        [event] = document_of(closed(purpose, transfer_id), [FIRST])["epcisBody"]["eventList"]
        assert (event["bizStep"], event["disposition"]) == (step, disposition)
        assert event["bizTransactionList"] == [{"bizTransaction": f"urn:uuid:{transfer_id}"}]
        assert ("bizLocation" in event) is (purpose == "RECEIPT")

    @pytest.mark.parametrize("purpose", ["COUNT", "DISPATCH", "RECEIPT"])
    def test_what_is_told_can_be_taken(self, purpose: str) -> None:
        assert [item.epc for item in observed_in(document_of(closed(purpose), [FIRST, SECOND]))] == [FIRST, SECOND]

    def test_an_empty_sweep_is_no_event(self) -> None:
        assert document_of(closed(), [])["epcisBody"] == {"eventList": []}
