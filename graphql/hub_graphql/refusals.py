"""Why a request is turned away before anything ran, and the HTTP status that says so."""

from http import HTTPStatus

from hub.kernel.errors import ErrorKind, HubError, UnavailableError


class RefusalError(HubError):
    """A malformed or forbidden request. Nothing was executed."""

    code = "BAD_REQUEST"
    status = HTTPStatus.BAD_REQUEST


class MalformedBodyError(RefusalError):
    code = "MALFORMED_BODY"


class BodyTooLargeError(RefusalError):
    code = "BODY_TOO_LARGE"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class BodyTooSlowError(RefusalError):
    code = "BODY_TOO_SLOW"
    status = HTTPStatus.REQUEST_TIMEOUT


class BatchRefusedError(RefusalError):
    code = "BATCHING_NOT_SUPPORTED"


class MethodRefusedError(RefusalError):
    code = "METHOD_NOT_ALLOWED"
    status = HTTPStatus.METHOD_NOT_ALLOWED


class MediaTypeRefusedError(RefusalError):
    code = "UNSUPPORTED_MEDIA_TYPE"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class NotAcceptableError(RefusalError):
    code = "NOT_ACCEPTABLE"
    status = HTTPStatus.NOT_ACCEPTABLE


class OriginRefusedError(RefusalError):
    code = "ORIGIN_NOT_ALLOWED"
    kind = ErrorKind.DENIED
    status = HTTPStatus.FORBIDDEN


class DocumentError(RefusalError):
    """The body was well formed; the document in it is not one that this caller may run."""

    code = "INVALID_DOCUMENT"


class DocumentSyntaxError(DocumentError):
    code = "GRAPHQL_PARSE_FAILED"


class DocumentTooComplexError(DocumentError):
    code = "DOCUMENT_TOO_COMPLEX"


class CostExceededError(DocumentError):
    code = "COST_EXCEEDED"

    def __init__(self, message: str, *, requested: int, limit: int) -> None:
        super().__init__(message)
        self.requested = requested
        self.limit = limit


class IntrospectionRefusedError(DocumentError):
    code = "INTROSPECTION_DISABLED"
    kind = ErrorKind.DENIED


class UntrustedDocumentError(DocumentError):
    code = "DOCUMENT_NOT_TRUSTED"
    kind = ErrorKind.DENIED


class PersistedQueryNotFoundError(DocumentError):
    """Clients that know this code answer it by sending the text beside the hash."""

    code = "PERSISTED_QUERY_NOT_FOUND"
    kind = ErrorKind.MISSING


class OperationTypeError(DocumentError):
    code = "OPERATION_NOT_SUPPORTED"


class DeadlineExceededError(UnavailableError):
    code = "DEADLINE_EXCEEDED"
