"""Why orders are refused."""

from hub.kernel.errors import ConflictError, InvalidInputError, NotFoundError


class OrderNotFoundError(NotFoundError):
    code = "ORDER_NOT_FOUND"


class PriceChangedError(ConflictError):
    """`details["lines"]` names each line's sku, the price sent and the price that holds."""

    code = "PRICE_CHANGED"


class ReservationMismatchError(InvalidInputError):
    code = "RESERVATION_MISMATCH"


class EmptyOrderError(InvalidInputError):
    code = "EMPTY_ORDER"


class ReturnTooManyError(ConflictError):
    code = "RETURN_EXCEEDS_FULFILLED"


class OrderNotCancellableError(ConflictError):
    code = "ORDER_NOT_CANCELLABLE"


class OrderNotHeldError(ConflictError):
    """The order does not wait for the reason that was named: somebody decided before, or the channel did."""

    code = "ORDER_NOT_HELD"


class HoldNotDecidableError(InvalidInputError):
    """Holds of this reason do not end by this decision, whoever takes it."""

    code = "HOLD_NOT_DECIDABLE"


class StaleVersionError(ConflictError):
    """Somebody changed it since the caller looked."""

    code = "STALE_VERSION"
