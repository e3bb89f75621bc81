"""Refusals of the roads from channels, and what may be stored about a channel's errors."""

from adapters.sdk.errors import AdapterError, AuthFailed, ContractBroken, Rejected, Retryable
from hub.kernel.errors import ConflictError, ErrorKind, HubError, InvalidInputError, NotFoundError

MAX_STORED = 200


class WebhookSignatureError(HubError):
    """The signature over the raw body is missing, wrong or stale. Nothing was stored."""

    code = "WEBHOOK_SIGNATURE_INVALID"
    kind = ErrorKind.DENIED


class WebhooksNotSupportedError(InvalidInputError):
    code = "WEBHOOKS_NOT_SUPPORTED"


class InboxRowNotFoundError(NotFoundError):
    code = "INBOX_ROW_NOT_FOUND"


class InboxRowNotParkedError(ConflictError):
    code = "INBOX_ROW_NOT_PARKED"


def stored_error(error: AdapterError | HubError) -> tuple[str, str]:
    """Code and detail for a table: a JSON path or a field's name, never the channel's words, which may quote a
    person."""
    match error:
        case ContractBroken(path=path):
            return "CONTRACT_BROKEN", path[:MAX_STORED]
        case Rejected(field=field):
            return "REJECTED", (field or "")[:MAX_STORED]
        case AuthFailed():
            return "AUTH_FAILED", ""
        case Retryable():
            return "RETRYABLE", ""
        case HubError():
            return error.code, ".".join(error.path)[:MAX_STORED]
        case _:
            return type(error).__name__.upper(), ""
