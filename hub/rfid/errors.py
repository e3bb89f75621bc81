"""Why reads are refused."""

from hub.kernel.errors import ConflictError, InvalidInputError, NotFoundError


class SessionNotFoundError(NotFoundError):
    code = "RFID_SESSION_NOT_FOUND"


class SessionEndedError(ConflictError):
    """Closed, or its time is over: tags need a new session."""

    code = "RFID_SESSION_ENDED"


class SessionOpenError(ConflictError):
    """Nothing can be said of the session yet: close it first."""

    code = "RFID_SESSION_OPEN"


class NotACountError(ConflictError):
    """Only a session with the purpose COUNT proposes numbers."""

    code = "RFID_NOT_A_COUNT"


class TagLimitError(ConflictError):
    """The session holds as many tags, batches or lines as one may."""

    code = "RFID_SESSION_FULL"


class TagsGoneError(NotFoundError):
    """The tags were forgotten after their retention."""

    code = "RFID_TAGS_GONE"


class ExpectationMissingError(InvalidInputError):
    code = "RFID_EXPECTATION_MISSING"


class TransferMissingError(ConflictError):
    """The session was opened without a transfer, so there is nothing to advance."""

    code = "RFID_NO_TRANSFER"


class SessionBookedError(ConflictError):
    """What was read has been booked to the transfer already."""

    code = "RFID_SESSION_BOOKED"


class DifferencesError(ConflictError):
    """What was read is not what the transfer says; look at the lines and accept, or change the draft."""

    code = "RFID_DIFFERENCES"


class UnknownGtinError(NotFoundError):
    code = "UNKNOWN_GTIN"


class EpcisError(InvalidInputError):
    """The document is not EPCIS 2.0, or says what the hub does not take; `path` names the member."""

    code = "INVALID_EPCIS"
