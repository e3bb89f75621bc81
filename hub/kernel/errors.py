"""The root of every error the hub raises on purpose.

Each feature declares small subclasses beside the code that raises them. The edge (REST, GraphQL, CLI)
chooses a status from `kind` in one table; it never looks at the class.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any


class ErrorKind(StrEnum):
    INVALID = "INVALID"
    MISSING = "MISSING"
    CONFLICT = "CONFLICT"
    DENIED = "DENIED"
    UNAVAILABLE = "UNAVAILABLE"


class HubError(Exception):
    """A refusal the caller can act on: nothing was changed.

    `code` is stable and machine-readable (SCREAMING_SNAKE), `path` names the input field that is at fault
    (GraphQL style, camelCase parts), the message says which rule was broken and what to do instead.
    """

    code: str = "INTERNAL"
    kind: ErrorKind = ErrorKind.INVALID
    details: Mapping[str, Any] | None = None
    """What a machine may want to know beyond the code, as plain JSON data (lines of a shortfall, say)."""

    def __init__(self, message: str, *, path: Sequence[str] = (), code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = tuple(path)
        if code is not None:
            self.code = code


class InvalidInputError(HubError):
    code = "INVALID_INPUT"
    kind = ErrorKind.INVALID


class NotFoundError(HubError):
    code = "NOT_FOUND"
    kind = ErrorKind.MISSING


class ConflictError(HubError):
    code = "CONFLICT"
    kind = ErrorKind.CONFLICT


class DeniedError(HubError):
    code = "DENIED"
    kind = ErrorKind.DENIED


class UnavailableError(HubError):
    """Nothing is wrong with the request; try again, not before `retry_after_seconds` when it is known."""

    code = "UNAVAILABLE"
    kind = ErrorKind.UNAVAILABLE

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, path: Sequence[str] = ()) -> None:
        super().__init__(message, path=path)
        self.retry_after_seconds = retry_after_seconds
