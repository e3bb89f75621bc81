"""Open a read session."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import structlog

from hub.catalog import views
from hub.infra import metrics
from hub.infra.database import Database, WriteSession
from hub.infra.idempotency import Answer
from hub.infra.mutations import mutate
from hub.inventory import (
    ConsignmentKind,
    StockTransferNotFoundError,
    TooManyLinesError,
    UnknownVariantError,
    consignments_by_ids,
    require_known_location,
)
from hub.inventory import lines_by_ids as consignment_lines_by_ids
from hub.kernel.errors import InvalidInputError
from hub.kernel.ids import new_id
from hub.kernel.principal import Principal, Scope
from hub.kernel.quantity import positive_quantity
from hub.rfid import repository
from hub.rfid.access import require_reach
from hub.rfid.errors import ExpectationMissingError, TagLimitError
from hub.rfid.models import ReadPurpose

MAX_EXPECTED_LINES = 1_000
MAX_OPEN_SESSIONS = 100
SESSION_SECONDS = 14_400

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ExpectedUnits:
    """Units of a sku. For a COUNT the quantity is left out: the level says it."""

    sku: str
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class OpenSession:
    """`expected`: what is dispatched or received, each sku once; of a COUNT the skus that it is limited to.

    With `transfer_id` the transfer says what is expected, and `expected` is left out.
    """

    purpose: ReadPurpose
    location_id: UUID
    expected: tuple[ExpectedUnits, ...] = ()
    transfer_id: UUID | None = None


async def open_session(
    database: Database, principal: Principal, command: OpenSession, *, idempotency_key: str
) -> Answer:
    """Outcome: session_id. The session takes tags for four hours.

    Raises TooManyLinesError, ExpectationMissingError, InvalidInputError, QuantityError; refuses with
    LocationNotAllowedError, UnknownLocationError, UnknownVariantError, and TagLimitError when too many sessions
    are open at the location.
    """
    principal.require(Scope.STOCK_WRITE)
    _check(command)

    async def run(session: WriteSession) -> Mapping[str, Any]:
        return await _open(session, principal, command)

    answer = await mutate(
        database,
        principal,
        operation="rfidSessionOpen",
        idempotency_key=idempotency_key,
        payload=asdict(command),
        work=run,
    )
    if not answer.replayed and answer.refusal is None:
        metrics.rfid_sessions.labels(command.purpose.value, "opened").inc()
        log.info("rfid.session_opened", purpose=command.purpose.value, session_id=answer.outcome["session_id"])
    return answer


def _check(command: OpenSession) -> None:
    if len(command.expected) > MAX_EXPECTED_LINES:
        raise TooManyLinesError(f"a session names at most {MAX_EXPECTED_LINES} skus", path=("expected",))
    if len({line.sku for line in command.expected}) != len(command.expected):
        raise InvalidInputError("each sku is named once", path=("expected",))
    if command.purpose is ReadPurpose.COUNT:
        _check_count(command)
        return
    if command.transfer_id is not None:
        if command.expected:
            raise InvalidInputError("the transfer says what is expected", path=("expected",))
        return
    if not command.expected:
        raise ExpectationMissingError("say what is dispatched or received", path=("expected",))
    for index, line in enumerate(command.expected):
        positive_quantity(line.quantity or 0, path=("expected", str(index), "quantity"))


def _check_count(command: OpenSession) -> None:
    if command.transfer_id is not None:
        raise InvalidInputError("a count belongs to no transfer", path=("transferId",))
    if any(line.quantity is not None for line in command.expected):
        raise InvalidInputError("the level says how many units a count expects", path=("expected",))


async def _open(session: WriteSession, principal: Principal, command: OpenSession) -> Mapping[str, Any]:
    await require_reach(session, principal, command.location_id)
    await require_known_location(session, command.location_id)
    if await repository.open_sessions_at(session, command.location_id) >= MAX_OPEN_SESSIONS:
        raise TagLimitError(f"{MAX_OPEN_SESSIONS} sessions are open at this location; close one first")
    session_id = new_id()
    view = (session_id, command.purpose.value, command.location_id, command.transfer_id, principal.id)
    await repository.add_session(session, view, seconds=SESSION_SECONDS)
    expected = await _expected(session, command)
    if expected:
        await repository.expect(session, session_id, expected)
    return {"session_id": str(session_id), "ids": [str(session_id)]}


async def _expected(session: WriteSession, command: OpenSession) -> Sequence[tuple[UUID, int | None]]:
    if command.transfer_id is None:
        return await _units(session, command.expected)
    found = (await consignments_by_ids(session, [command.transfer_id])).get(command.transfer_id)
    if found is None or found.kind != ConsignmentKind.TRANSFER:
        raise StockTransferNotFoundError(f"there is no stock transfer {command.transfer_id}", path=("transferId",))
    leaving = command.purpose is ReadPurpose.DISPATCH
    if command.location_id != (found.from_location_id if leaving else found.to_location_id):
        raise InvalidInputError(f"the transfer has no {command.purpose} at this location", path=("locationId",))
    lines = (await consignment_lines_by_ids(session, [found.id])).get(found.id, [])
    units = [(line.variant_id, line.quantity if leaving else line.expected.outstanding) for line in lines]
    expected = [(variant_id, quantity) for variant_id, quantity in units if quantity]
    if not expected:
        raise ExpectationMissingError("nothing of this transfer is expected any more", path=("transferId",))
    return expected


async def _units(session: WriteSession, expected: Sequence[ExpectedUnits]) -> list[tuple[UUID, int | None]]:
    found = await views.variant_ids_by_skus(session, [line.sku for line in expected])
    for index, line in enumerate(expected):
        if line.sku not in found:
            raise UnknownVariantError(f"there is no sku {line.sku[:60]!r}", path=("expected", str(index), "sku"))
    return [(found[line.sku], line.quantity) for line in expected]
