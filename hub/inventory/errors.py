"""Why stock mutations are refused."""

from collections.abc import Iterable, Mapping
from typing import Any

from hub.inventory.commands import RefusalCode, Refused
from hub.inventory.units import NO_LOCATION, Shortfall
from hub.kernel.errors import ConflictError, DeniedError, HubError, InvalidInputError, NotFoundError


class InsufficientStockError(ConflictError):
    """`details["lines"]` names every line that is short: variant_id, location_id, requested, available."""

    code = "INSUFFICIENT_STOCK"

    def __init__(self, lines: Iterable[Mapping[str, Any]]) -> None:
        super().__init__("not enough stock for every line; nothing was reserved", path=("lines",))
        self.details = {"lines": list(lines)}


class ReservationNotFoundError(NotFoundError):
    code = "RESERVATION_NOT_FOUND"


class ReservationNotActiveError(ConflictError):
    code = "RESERVATION_NOT_ACTIVE"


class ReservationExpiredError(ConflictError):
    code = "RESERVATION_EXPIRED"


class StaleQuantityError(ConflictError):
    code = "STALE_QUANTITY"


class TtlError(InvalidInputError):
    code = "INVALID_TTL"


class OwnerNotAllowedError(DeniedError):
    code = "OWNER_NOT_ALLOWED"


class TooManyLinesError(InvalidInputError):
    code = "TOO_MANY_LINES"


class UnknownVariantError(NotFoundError):
    code = "UNKNOWN_SKU"


class UnknownLocationError(NotFoundError):
    code = "UNKNOWN_LOCATION"


class StockTransferNotFoundError(NotFoundError):
    code = "STOCK_TRANSFER_NOT_FOUND"


class PurchaseOrderNotFoundError(NotFoundError):
    code = "PURCHASE_ORDER_NOT_FOUND"


class CountSessionNotFoundError(NotFoundError):
    code = "COUNT_SESSION_NOT_FOUND"


class PurchaseOrderExistsError(ConflictError):
    code = "PURCHASE_ORDER_EXISTS"


class DifferenceReasonRequiredError(InvalidInputError):
    """Units beyond what is expected, or missing ones, and no reason."""

    code = "REASON_REQUIRED"


class MissingExceedsOutstandingError(ConflictError):
    """More units are called missing than are still expected."""

    code = "MISSING_EXCEEDS_OUTSTANDING"


class WrongStepError(ConflictError):
    """The document's state does not allow this step."""

    code = "INVALID_TRANSITION"


class DocumentChangedError(ConflictError):
    """Somebody changed the document since the caller looked."""

    code = "STALE_VERSION"


class StockNotTrackedError(InvalidInputError):
    code = "STOCK_NOT_TRACKED"


_ERRORS: Mapping[RefusalCode, type[HubError]] = {
    RefusalCode.RESERVATION_NOT_FOUND: ReservationNotFoundError,
    RefusalCode.RESERVATION_NOT_ACTIVE: ReservationNotActiveError,
    RefusalCode.RESERVATION_EXPIRED: ReservationExpiredError,
    RefusalCode.STALE_QUANTITY: StaleQuantityError,
}


def error_of(refused: Refused) -> HubError:
    """The refusal as the error that callers raise."""
    if refused.code is RefusalCode.INSUFFICIENT_STOCK:
        return InsufficientStockError(map(shortfall_line, refused.shortfalls))
    return _ERRORS[refused.code](refused.message)


def shortfall_line(short: Shortfall) -> dict[str, Any]:
    return {
        "variant_id": str(short.key.variant_id),
        "location_id": None if short.key.location_id == NO_LOCATION else str(short.key.location_id),
        "requested": short.requested,
        "available": short.available,
    }
