"""Read sessions for RFID readers: `/rfid/sessions`. Needs the dependency `access_edge`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter

from hub import rfid
from hub.entrypoints.web.authentication import AccessEdge, RequestKind, cookies_of, principal_from_headers
from hub.entrypoints.web.contract import problems
from hub.entrypoints.web.errors import request_id_of
from hub.entrypoints.web.rfid_contract import (
    EPCIS_MEDIA_TYPE,
    BatchTaken,
    Booking,
    CountsApplied,
    EpcisOperation,
    LinePage,
    ProposalChoice,
    ReadBatch,
    RejectedCount,
    RejectedEpc,
    SessionOpening,
    SessionShown,
    line_shown,
    session_shown,
)
from hub.infra.database import Database
from hub.infra.idempotency import MAX_KEY_LENGTH, Answer
from hub.inventory import UnknownLocationError
from hub.kernel.errors import InvalidInputError
from hub.kernel.principal import Principal
from hub.locations import repository as locations

MAX_RFID_BODY: Final = 1_048_576
MAX_LINES_PAGE: Final = 1_000

AnyRequest = Request[Any, Any, Any]
Key = Annotated[str, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=MAX_KEY_LENGTH)]
Policy = Annotated[rfid.ErrorPolicy, QueryParameter(name="errorPolicy")]
After = Annotated[UUID | None, QueryParameter(name="after")]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=MAX_LINES_PAGE)]

_READ_REFUSALS: Final = problems(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_WRITE_REFUSALS: Final = {**_READ_REFUSALS, **problems(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)}


class DocumentError(InvalidInputError):
    code = "MALFORMED_BODY"


class RfidController(Controller):
    """Machines send their key as a bearer token; every change carries an `Idempotency-Key`."""

    path = "/rfid/sessions"
    tags = ("RFID",)

    @post(status_code=HTTPStatus.CREATED, request_max_body_size=MAX_RFID_BODY, responses=_WRITE_REFUSALS)
    async def open(
        self,
        request: AnyRequest,
        data: JSONBody[SessionOpening],
        access_edge: NamedDependency[AccessEdge],
        idempotency_key: Key,
    ) -> SessionShown:
        """Open a session that takes tags for four hours. Needs the scope `stock:write` at the location."""
        database = access_edge.database
        principal = await _principal(request, access_edge)
        command = rfid.OpenSession(
            data.purpose,
            await _location(database, principal, data),
            tuple(rfid.ExpectedUnits(line.sku, line.quantity) for line in data.expected),
            data.transfer_id,
        )
        answer = await rfid.open_session(database, principal, command, idempotency_key=idempotency_key)
        return await _shown(database, principal, UUID(answer.unwrap()["session_id"]))

    @get("/{session_id:uuid}", responses=_READ_REFUSALS)
    async def show(
        self, request: AnyRequest, session_id: FromPath[UUID], access_edge: NamedDependency[AccessEdge]
    ) -> SessionShown:
        """The session as it is now."""
        principal = await _principal(request, access_edge, RequestKind.READ)
        return await _shown(access_edge.database, principal, session_id)

    @get("/{session_id:uuid}/lines", responses=_READ_REFUSALS)
    async def lines(
        self,
        request: AnyRequest,
        session_id: FromPath[UUID],
        access_edge: NamedDependency[AccessEdge],
        after: After = None,
        limit: Limit = 100,
    ) -> LinePage:
        """What each variant came to, page by page."""
        principal = await _principal(request, access_edge, RequestKind.READ)
        found = await rfid.lines_of(access_edge.database, principal, session_id, after=after, limit=limit + 1)
        more = len(found) > limit
        return LinePage([line_shown(line) for line in found[:limit]], found[limit - 1].variant_id if more else None)

    @post(
        "/{session_id:uuid}/reads",
        status_code=HTTPStatus.OK,
        request_max_body_size=MAX_RFID_BODY,
        responses=_WRITE_REFUSALS,
    )
    async def read(
        self,
        request: AnyRequest,
        session_id: FromPath[UUID],
        data: JSONBody[ReadBatch],
        access_edge: NamedDependency[AccessEdge],
        idempotency_key: Key,
    ) -> BatchTaken:
        """Post tags. An item that the session has is counted once; a bad tag refuses the batch, or only itself."""
        principal = await _principal(request, access_edge)
        command = rfid.RecordReads(session_id, tuple(data.epcs), data.error_policy)
        return _taken(
            await rfid.record_reads(access_edge.database, principal, command, idempotency_key=idempotency_key)
        )

    @post(
        "/{session_id:uuid}/epcis",
        status_code=HTTPStatus.OK,
        request_max_body_size=MAX_RFID_BODY,
        operation_class=EpcisOperation,
        responses=_WRITE_REFUSALS,
    )
    async def capture(
        self,
        request: AnyRequest,
        session_id: FromPath[UUID],
        access_edge: NamedDependency[AccessEdge],
        idempotency_key: Key,
        error_policy: Policy = rfid.ErrorPolicy.REJECT_EVERYTHING,
    ) -> BatchTaken:
        """Post tags as an EPCISDocument of EPCIS 2.0 with ObjectEvents of the action OBSERVE."""
        principal = await _principal(request, access_edge)
        document = _document(await request.body())
        return _taken(
            await rfid.capture_epcis(
                access_edge.database,
                principal,
                session_id,
                document,
                error_policy=error_policy,
                idempotency_key=idempotency_key,
            )
        )

    @get("/{session_id:uuid}/epcis", responses=_READ_REFUSALS, media_type=EPCIS_MEDIA_TYPE)
    async def event(
        self, request: AnyRequest, session_id: FromPath[UUID], access_edge: NamedDependency[AccessEdge]
    ) -> Response[dict[str, Any]]:
        """A closed session as an EPCISDocument with one ObjectEvent."""
        principal = await _principal(request, access_edge, RequestKind.READ)
        document = await rfid.epcis_of(access_edge.database, principal, session_id)
        return Response(dict(document), media_type=EPCIS_MEDIA_TYPE, headers={"GS1-EPCIS-Version": "2.0.0"})

    @post("/{session_id:uuid}/close", status_code=HTTPStatus.OK, responses=_WRITE_REFUSALS)
    async def close(
        self,
        request: AnyRequest,
        session_id: FromPath[UUID],
        access_edge: NamedDependency[AccessEdge],
        idempotency_key: Key,
    ) -> SessionShown:
        """Compare what was read with what was expected. No stock changes."""
        principal = await _principal(request, access_edge)
        answer = await rfid.close_session(access_edge.database, principal, session_id, idempotency_key=idempotency_key)
        answer.unwrap()
        return await _shown(access_edge.database, principal, session_id)

    @post("/{session_id:uuid}/counts", status_code=HTTPStatus.OK, responses=_WRITE_REFUSALS)
    async def count(
        self,
        request: AnyRequest,
        session_id: FromPath[UUID],
        data: JSONBody[ProposalChoice],
        access_edge: NamedDependency[AccessEdge],
        idempotency_key: Key,
    ) -> CountsApplied:
        """Count the levels to what was read; those whose onHand moved since the session closed stay as they are."""
        principal = await _principal(request, access_edge)
        command = rfid.ApplyProposals(session_id, None if data.skus is None else tuple(data.skus))
        answer = await rfid.apply_proposals(access_edge.database, principal, command, idempotency_key=idempotency_key)
        outcome = answer.unwrap()
        rejected = [RejectedCount(UUID(row["variant_id"]), row["code"], row["message"]) for row in outcome["rejected"]]
        return CountsApplied([UUID(variant) for variant in outcome["applied"]], rejected, answer.replayed)

    @post("/{session_id:uuid}/booking", status_code=HTTPStatus.OK, responses=_WRITE_REFUSALS)
    async def book(
        self,
        request: AnyRequest,
        session_id: FromPath[UUID],
        data: JSONBody[Booking],
        access_edge: NamedDependency[AccessEdge],
        idempotency_key: Key,
    ) -> SessionShown:
        """Dispatch the session's transfer, or receive into it what was read. Once per session."""
        principal = await _principal(request, access_edge)
        command = rfid.BookTransfer(session_id, data.reason, data.missing_is_lost, data.accept_differences)
        answer = await rfid.book_transfer(access_edge.database, principal, command, idempotency_key=idempotency_key)
        answer.unwrap()
        return await _shown(access_edge.database, principal, session_id)


async def _principal(request: AnyRequest, edge: AccessEdge, kind: RequestKind = RequestKind.WRITE) -> Principal:
    headers = dict(request.headers)
    return await principal_from_headers(
        headers, cookies_of(headers), edge=edge, kind=kind, request_id=request_id_of(request)
    )


async def _location(database: Database, principal: Principal, given: SessionOpening) -> UUID:
    if given.location_id is not None and given.location_code is not None:
        raise InvalidInputError("name the location by id or by code, not both", path=("locationId",))
    if given.location_id is not None:
        return given.location_id
    if given.location_code is None:
        bound = principal.location_ids or ()
        if len(bound) != 1:
            raise InvalidInputError("name the location by its id or its code", path=("locationId",))
        return next(iter(bound))
    async with database.read() as session:
        found = await locations.location_ids_by_codes(session, [given.location_code])
    if given.location_code not in found:
        raise UnknownLocationError(f"there is no location {given.location_code!r}", path=("locationCode",))
    return found[given.location_code]


async def _shown(database: Database, principal: Principal, session_id: UUID) -> SessionShown:
    return session_shown(await rfid.session_of(database, principal, session_id))


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise DocumentError("the body must be JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise DocumentError("the body must be a JSON object")
    return found


def _taken(answer: Answer) -> BatchTaken:
    told = answer.unwrap()
    rejected = [RejectedEpc(row["index"], row["code"], row["message"]) for row in told["rejected"]]
    return BatchTaken(told["added"], told["repeated"], told["tags"], told["rejected_count"], rejected, answer.replayed)
