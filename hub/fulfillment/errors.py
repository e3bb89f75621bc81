"""Why work in a store's queue is refused."""

from hub.kernel.errors import ConflictError, InvalidInputError, NotFoundError


class FulfillmentOrderNotFoundError(NotFoundError):
    code = "FULFILLMENT_ORDER_NOT_FOUND"


class TransitionError(ConflictError):
    code = "INVALID_TRANSITION"


class WrongPickupCodeError(InvalidInputError):
    code = "WRONG_PICKUP_CODE"
