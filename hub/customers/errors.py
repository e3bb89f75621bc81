"""What customers refuse."""

from hub.kernel.errors import InvalidInputError, NotFoundError, UnavailableError


class IdentityInvalidError(InvalidInputError):
    """An identifier that cannot belong to anybody. The message never repeats it."""

    code = "INVALID_IDENTITY"


class UnknownCustomerError(NotFoundError):
    code = "UNKNOWN_CUSTOMER"


class IdentityContendedError(UnavailableError):
    code = "IDENTITY_CONTENDED"
