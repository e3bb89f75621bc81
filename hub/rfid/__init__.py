"""RFID: sessions that readers post tags to, what they differ from what was expected, and EPCIS in and out."""

from hub.rfid import epcis, repository
from hub.rfid.applying import MAX_APPLIED, ApplyProposals, apply_proposals
from hub.rfid.booking import BookTransfer, book_transfer
from hub.rfid.capturing import capture_epcis
from hub.rfid.closing import close_session
from hub.rfid.errors import (
    DifferencesError,
    EpcisError,
    ExpectationMissingError,
    NotACountError,
    SessionBookedError,
    SessionEndedError,
    SessionNotFoundError,
    SessionOpenError,
    TagLimitError,
    TagsGoneError,
    TransferMissingError,
    UnknownGtinError,
)
from hub.rfid.models import ReadPurpose, ReadSessionStatus
from hub.rfid.opening import ExpectedUnits, OpenSession, open_session
from hub.rfid.reading import MAX_BATCH_EPCS, MAX_SESSION_TAGS, ErrorPolicy, RecordReads, record_reads
from hub.rfid.repository import LineView, SessionView
from hub.rfid.viewing import epcis_of, lines_of, session_of

__all__ = [
    "MAX_APPLIED",
    "MAX_BATCH_EPCS",
    "MAX_SESSION_TAGS",
    "ApplyProposals",
    "BookTransfer",
    "DifferencesError",
    "EpcisError",
    "ErrorPolicy",
    "ExpectationMissingError",
    "ExpectedUnits",
    "LineView",
    "NotACountError",
    "OpenSession",
    "ReadPurpose",
    "ReadSessionStatus",
    "RecordReads",
    "SessionBookedError",
    "SessionEndedError",
    "SessionNotFoundError",
    "SessionOpenError",
    "SessionView",
    "TagLimitError",
    "TagsGoneError",
    "TransferMissingError",
    "UnknownGtinError",
    "apply_proposals",
    "book_transfer",
    "capture_epcis",
    "close_session",
    "epcis",
    "epcis_of",
    "lines_of",
    "open_session",
    "record_reads",
    "repository",
    "session_of",
]
