"""What a receipt makes of what was expected: who came, who came beyond, who never will. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from hub.inventory.commands import AdjustmentReason, Arrival, ReturnCondition
from hub.inventory.errors import DifferenceReasonRequiredError, MissingExceedsOutstandingError
from hub.inventory.units import LevelKey
from hub.kernel.errors import InvalidInputError
from hub.kernel.quantity import counted_quantity


@dataclass(frozen=True, slots=True)
class ExpectedLine:
    """`quantity` units are expected; `received` of them came, `missing` never will; `extra` came beyond them."""

    quantity: int
    received: int = 0
    extra: int = 0
    missing: int = 0

    @property
    def outstanding(self) -> int:
        return self.quantity - self.received - self.missing


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """`quantity` units of a variant, named by id or sku, came; of those still expected afterwards, `missing` never
    will. A difference needs a reason."""

    variant: UUID | str
    quantity: int
    missing: int = 0
    condition: ReturnCondition = ReturnCondition.SELLABLE
    reason: AdjustmentReason | None = None


def check_receipt(receipt: Sequence[ReceiptLine]) -> None:
    """What can be said of a receipt without knowing what was expected. Raises InvalidInputError."""
    for number, line in enumerate(receipt):
        path = ("lines", str(number))
        counted_quantity(line.quantity, path=(*path, "quantity"))
        counted_quantity(line.missing, path=(*path, "missing"))
        if line.quantity + line.missing == 0:
            raise InvalidInputError("a receipt's line needs units that came or that are missing", path=path)


def receive(
    lines: Mapping[UUID, ExpectedLine], receipt: Iterable[tuple[UUID, ReceiptLine]], location_id: UUID
) -> tuple[dict[UUID, ExpectedLine], list[Arrival]]:
    """The changed lines, and what arrives. A variant that nobody expected comes as extra units of a line of 0.

    Raises DifferenceReasonRequiredError and MissingExceedsOutstandingError; then nothing of it counts.
    """
    changed: dict[UUID, ExpectedLine] = {}
    arrivals = []
    for number, (variant_id, came) in enumerate(receipt):
        path = ("lines", str(number))
        before = changed.get(variant_id) or lines.get(variant_id) or ExpectedLine(0)
        announced = min(came.quantity, before.outstanding)
        extra = came.quantity - announced
        if came.missing > before.outstanding - announced:
            raise MissingExceedsOutstandingError(
                f"{came.missing} units cannot be missing: {before.outstanding - announced} are still expected",
                path=(*path, "missing"),
            )
        if (extra or came.missing) and came.reason is None:
            raise DifferenceReasonRequiredError(
                f"{extra} units more than expected and {came.missing} missing: say why", path=(*path, "reason")
            )
        changed[variant_id] = replace(
            before,
            received=before.received + announced,
            extra=before.extra + extra,
            missing=before.missing + came.missing,
        )
        key = LevelKey(variant_id, location_id)
        arrivals.append(Arrival(key, announced, extra, came.missing, came.condition, came.reason))
    return changed, arrivals
