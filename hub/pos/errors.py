"""Why what a terminal reports is refused. Lack of stock is never among it."""

from hub.kernel.errors import ConflictError, DeniedError, InvalidInputError


class TerminalRequiredError(DeniedError):
    """Receipts are a terminal's: only its own credential reports them."""

    code = "TERMINAL_REQUIRED"


class ReceiptInvalidError(InvalidInputError):
    code = "INVALID_RECEIPT"


class ReceiptReusedError(ConflictError):
    """The terminal reported this receipt before, with other content."""

    code = "RECEIPT_REUSED"


class OccurredAtError(InvalidInputError):
    code = "OCCURRED_AT_OUT_OF_RANGE"
