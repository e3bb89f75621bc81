"""EPCIS 2.0 in its JSON binding: what a session tells as an event, and what it takes from one.

Of EPCIS the hub speaks ObjectEvents with the action OBSERVE about single items; anything else in a document is
refused whole, so that nobody believes the hub has understood it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from hub.rfid.errors import EpcisError
from hub.rfid.models import ReadPurpose
from hub.rfid.repository import SessionView

CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
MAX_EVENTS: Final = 1_000

_CONTEXTS: Final = frozenset({CONTEXT, "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"})
_STEPS: Final = {
    ReadPurpose.COUNT: {"bizStep": "cycle_counting"},
    ReadPurpose.DISPATCH: {"bizStep": "shipping", "disposition": "in_transit"},
    ReadPurpose.RECEIPT: {"bizStep": "receiving", "disposition": "in_progress"},
}
_DOCUMENT: Final[Mapping[str, type]] = {
    "id": str,
    "type": str,
    "schemaVersion": str,
    "creationDate": str,
    "epcisHeader": dict,
    "epcisBody": dict,
    "sender": str,
    "receiver": str,
    "instanceIdentifier": str,
}
_EVENT: Final[Mapping[str, type]] = {
    "type": str,
    "eventID": str,
    "eventTime": str,
    "recordTime": str,
    "eventTimeZoneOffset": str,
    "action": str,
    "epcList": list,
    "bizStep": str,
    "disposition": str,
    "persistentDisposition": dict,
    "readPoint": dict,
    "bizLocation": dict,
    "bizTransactionList": list,
    "sourceList": list,
    "destinationList": list,
    "sensorElementList": list,
}
_NOT_TAKEN: Final = {
    "quantityList": "units without a serial number cannot be told apart; send epcList alone",
    "errorDeclaration": "an event that takes another one back is not read here",
    "ilmd": "an OBSERVE event has no ilmd",
}
_VERSION: Final = re.compile(r"2\.[0-9]{1,3}(\.[0-9]{1,3})?", re.ASCII)
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_OFFSET: Final = re.compile(r"[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00)", re.ASCII)
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", re.ASCII)

Path = tuple[str, ...]


class Observed(NamedTuple):
    """An EPC of a document, and where it stands there."""

    epc: str
    path: Path


def document_of(view: SessionView, epcs: Sequence[str]) -> Mapping[str, Any]:
    """A closed session as an EPCISDocument with one event; with none when nothing was read."""
    if view.closed_at is None:
        raise ValueError("only a closed session is an event")
    return {
        "@context": [CONTEXT],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": _written(view.closed_at),
        "epcisBody": {"eventList": [_event(view, view.closed_at, epcs)] if epcs else []},
    }


def _event(view: SessionView, closed_at: datetime, epcs: Sequence[str]) -> dict[str, Any]:
    place = {"id": f"urn:uuid:{view.location_id}"}
    transfer = [{"bizTransaction": f"urn:uuid:{view.transfer_id}"}] if view.transfer_id else None
    return {
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:{view.id}",
        "eventTime": _written(closed_at),
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "epcList": list(epcs),
        **_STEPS[ReadPurpose(view.purpose)],
        "readPoint": place,
        **({} if view.purpose == ReadPurpose.DISPATCH else {"bizLocation": place}),
        **({"bizTransactionList": transfer} if transfer else {}),
    }


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def observed_in(document: Mapping[str, Any]) -> list[Observed]:
    """Every EPC of the document's events, in order. Raises EpcisError naming the member at fault."""
    prefixes = _prefixes(document.get("@context"), ("@context",))
    if prefixes is None:
        raise EpcisError("the @context must name the EPCIS 2.0 context", path=("@context",))
    if document.get("type") != "EPCISDocument":
        raise EpcisError("an EPCISDocument is expected", path=("type",))
    _check_members(document, _DOCUMENT, prefixes, ())
    if not _VERSION.fullmatch(document.get("schemaVersion", "")):
        raise EpcisError("the schemaVersion must be 2.0", path=("schemaVersion",))
    _require_time(document, "creationDate", ())
    body = document.get("epcisBody", {})
    events = body.get("eventList")
    path = ("epcisBody", "eventList")
    if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
        raise EpcisError(f"epcisBody.eventList holds 1 to {MAX_EVENTS} events", path=path)
    return [found for at, event in enumerate(events) for found in _observed(event, prefixes, (*path, str(at)))]


def _observed(event: Any, prefixes: frozenset[str], path: Path) -> Iterable[Observed]:
    if not isinstance(event, dict) or event.get("type") != "ObjectEvent":
        raise EpcisError("only events of the type ObjectEvent are read here", path=(*path, "type"))
    own = frozenset[str]()
    if "@context" in event:
        own = _prefixes([CONTEXT, event["@context"]], (*path, "@context")) or own
    for name, why in _NOT_TAKEN.items():
        if name in event:
            raise EpcisError(why, path=(*path, name))
    _check_members(event, _EVENT, prefixes | own, path)
    _check_event(event, path)
    epcs = event.get("epcList") or ()
    if not epcs:
        raise EpcisError("the event names no EPC", path=(*path, "epcList"))
    for at, epc in enumerate(epcs):
        where = (*path, "epcList", str(at))
        if not isinstance(epc, str) or not _URI.fullmatch(epc):
            raise EpcisError("an EPC is written as a URI", path=where)
        yield Observed(epc, where)


def _check_event(event: Mapping[str, Any], path: Path) -> None:
    if event.get("action") != "OBSERVE":
        raise EpcisError("only events with the action OBSERVE are read here", path=(*path, "action"))
    _require_time(event, "eventTime", path)
    if "recordTime" in event:
        _require_time(event, "recordTime", path)
    if not _OFFSET.fullmatch(event.get("eventTimeZoneOffset", "")):
        raise EpcisError("eventTimeZoneOffset reads ±HH:MM", path=(*path, "eventTimeZoneOffset"))
    for name in ("readPoint", "bizLocation"):
        if name in event:
            _require_uri(event[name], "id", (*path, name))
    for at, item in enumerate(event.get("bizTransactionList", ())):
        _require_uri(item, "bizTransaction", (*path, "bizTransactionList", str(at)))
    if "eventID" in event:
        _require_uri(event, "eventID", path)


def _check_members(given: Mapping[str, Any], known: Mapping[str, type], prefixes: frozenset[str], path: Path) -> None:
    """Members of the standard have its types; all others carry a prefix that the context declares, or are URIs."""
    for name, value in given.items():
        if name == "@context":
            continue
        kind = known.get(name)
        if kind is None and not _is_extension(name, prefixes):
            raise EpcisError(f"{name[:40]!r} is no member of EPCIS here", path=(*path, name[:40]))
        if kind is not None and not isinstance(value, kind):
            raise EpcisError(f"{name} is of another type in EPCIS", path=(*path, name))


def _is_extension(name: str, prefixes: frozenset[str]) -> bool:
    prefix, colon, rest = name.partition(":")
    return bool(colon and rest) and (prefix in prefixes or prefix in {"http", "https", "urn"})


def _prefixes(context: Any, path: Path) -> frozenset[str] | None:
    """The prefixes that a context declares; None when it does not name the EPCIS context."""
    parts = _flat(context)
    for part in parts:
        if not isinstance(part, str | dict):
            raise EpcisError("a context is a URI or an object of prefixes", path=path)
    if not _CONTEXTS.intersection(part for part in parts if isinstance(part, str)):
        return None
    return frozenset(name for part in parts if isinstance(part, dict) for name in part)


def _flat(context: Any) -> list[Any]:
    if not isinstance(context, list):
        return [context]
    return [inner for part in context for inner in (part if isinstance(part, list) else [part])]


def _require_time(given: Mapping[str, Any], name: str, path: Path) -> None:
    text = given.get(name, "")
    if not isinstance(text, str) or not _TIME.fullmatch(text) or not _exists(text):
        raise EpcisError(f"{name} is an instant with its offset (RFC 3339)", path=(*path, name))


def _exists(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _require_uri(given: Any, name: str, path: Path) -> None:
    text = given.get(name) if isinstance(given, dict) else None
    if not isinstance(text, str) or not _URI.fullmatch(text):
        raise EpcisError(f"{name} is a URI", path=(*path, name))
