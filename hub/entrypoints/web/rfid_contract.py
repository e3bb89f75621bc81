"""What RFID readers send and are told, as the OpenAPI document shows it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from msgspec import UNSET, Meta, UnsetType

from hub.inventory import AdjustmentReason
from hub.rfid import ErrorPolicy, LineView, ReadPurpose, SessionView

Word = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Units = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Epc = Annotated[str, Meta(max_length=256)]


class ExpectedLine(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """Units of a sku; a COUNT names the sku alone."""

    sku: Word
    quantity: Units | None = None


class SessionOpening(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """The location is named by id or code; by default the credential's only one."""

    purpose: ReadPurpose
    location_id: UUID | None = None
    location_code: Word | None = None
    transfer_id: UUID | None = None
    expected: Annotated[list[ExpectedLine], Meta(max_length=1_000)] = []


class ReadBatch(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """1 to 5,000 EPCs: hexadecimal memory, EPC URIs or GS1 Digital Links."""

    epcs: Annotated[list[Epc], Meta(min_length=1, max_length=5_000)]
    error_policy: ErrorPolicy = ErrorPolicy.REJECT_EVERYTHING


class ProposalChoice(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """The skus to count; null: all that the session proposes, at most 1,000."""

    skus: Annotated[list[Word], Meta(min_length=1, max_length=1_000)] | None = None


class Booking(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """What to do about differences: a receipt's need a `reason`; a dispatch's are accepted or not."""

    reason: AdjustmentReason | None = None
    missing_is_lost: bool = False
    accept_differences: bool = False


class SessionShown(msgspec.Struct, rename="camel", frozen=True):
    """A session as of now. `lines` and `differences` count variants; `tags` counts items."""

    id: UUID
    purpose: str
    status: str
    location_id: UUID
    transfer_id: UUID | None
    tags: int
    opened_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    booked_at: datetime | None
    lines: int
    differences: int


class RejectedEpc(msgspec.Struct, rename="camel", frozen=True):
    """`index` counts the EPCs of the batch, from 0."""

    index: int
    code: str
    message: str


class BatchTaken(msgspec.Struct, rename="camel", frozen=True):
    """`tags` is what the session holds now; at most 100 of the rejected EPCs are told."""

    added: int
    repeated: int
    tags: int
    rejected_count: int
    rejected: list[RejectedEpc]
    replayed: bool


class LineShown(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """Units of a variant. Only a closed COUNT has `onHand`, `counted` and `moved`."""

    variant_id: UUID
    expected: int | None
    read: int
    difference: int
    on_hand: int | UnsetType = UNSET
    counted: int | UnsetType = UNSET
    moved: bool | UnsetType = UNSET
    applied_at: datetime | UnsetType = UNSET


class LinePage(msgspec.Struct, rename="camel", frozen=True):
    """Lines by variant; `after` is what the next page is asked with, null on the last one."""

    lines: list[LineShown]
    after: UUID | None


class RejectedCount(msgspec.Struct, rename="camel", frozen=True):
    variant_id: UUID
    code: str
    message: str


class CountsApplied(msgspec.Struct, rename="camel", frozen=True):
    """The variants whose onHand is now what was read, and those that moved since the session closed."""

    applied: list[UUID]
    rejected: list[RejectedCount]
    replayed: bool


@dataclass
class EpcisOperation(Operation):
    """The document is read and checked by the hub itself."""

    def __post_init__(self) -> None:
        document = Schema(type=OpenAPIType.OBJECT, description="An EPCISDocument of EPCIS 2.0")
        content = {name: OpenAPIMediaType(schema=document) for name in ("application/json", "application/ld+json")}
        self.request_body = RequestBody(content=content, required=True)


EPCIS_MEDIA_TYPE: Final = "application/ld+json"


def session_shown(view: SessionView) -> SessionShown:
    return SessionShown(
        view.id,
        view.purpose,
        view.status,
        view.location_id,
        view.transfer_id,
        view.tags,
        view.opened_at,
        view.expires_at,
        view.closed_at,
        view.booked_at,
        view.lines,
        view.differences,
    )


def line_shown(view: LineView) -> LineShown:
    is_count = view.counted is not None
    return LineShown(
        view.variant_id,
        view.expected,
        view.read,
        view.difference,
        on_hand=UNSET if view.on_hand is None else view.on_hand,
        counted=UNSET if view.counted is None else view.counted,
        moved=view.moved if is_count else UNSET,
        applied_at=UNSET if view.applied_at is None else view.applied_at,
    )
