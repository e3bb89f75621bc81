"""What the engine refuses to decide about."""

from hub.kernel.errors import InvalidInputError


class RoutingInputError(InvalidInputError):
    """The snapshot contradicts itself; nothing was decided."""

    code = "INVALID_ROUTING_INPUT"


class StoredFormError(InvalidInputError):
    """Stored plain data does not describe the expected type; `path` names the first misfit."""

    code = "INVALID_STORED_FORM"
