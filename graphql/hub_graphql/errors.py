"""Refusals as data: what a mutation's payload carries in `errors`, and the one table from HubError to it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import strawberry

from hub.kernel import errors as kernel_errors
from hub.kernel.errors import ErrorKind, HubError
from hub_graphql.context import RequestContext
from hub_graphql.error_codes import CODES, ErrorCode
from hub_graphql.money import Money

T = TypeVar("T")
E = TypeVar("E", bound=HubError)


@strawberry.interface(description="Something was refused and nothing was changed by it.")
class Error:
    code: ErrorCode = strawberry.field(description="The stable reason, for programs.")
    message: str = strawberry.field(description="Which rule was broken and what to do instead, for people.")
    path: list[str] | None = strawberry.field(
        default=None, description="The input field at fault, as camelCase parts; null when no one field is."
    )


@strawberry.type(description="An argument breaks a rule.")
class InvalidInputError(Error):
    pass


@strawberry.type(description="What was named does not exist for this caller.")
class NotFoundError(Error):
    pass


@strawberry.type(description="The present state does not allow the change.")
class ConflictError(Error):
    pass


@strawberry.type(description="The credential does not allow this part of the request.")
class DeniedError(Error):
    pass


@strawberry.type(description="Nothing is wrong with the request; send it again later, with the same key.")
class UnavailableError(Error):
    retry_after_seconds: float | None = strawberry.field(
        default=None, description="Wait at least this long, in seconds, when it is known."
    )


@strawberry.type(description="One line that could not be claimed in full.")
class InsufficientStockLine:
    sku: str = strawberry.field(description="The variant's sku.")
    location_id: strawberry.ID | None = strawberry.field(
        description="The location that was asked for, or the first of several; null when the whole pool of the "
        "channel was."
    )
    requested: int = strawberry.field(description="Units asked for, summed over equal lines.")
    available: int = strawberry.field(description="Units that could have been claimed.")


@strawberry.type(description="Fewer units are available than were asked for.")
class InsufficientStockError(Error):
    lines: list[InsufficientStockLine] = strawberry.field(
        default_factory=list, description="Every line that fell short."
    )


@strawberry.interface(description="Something worth knowing about a change that was made.")
class Warning:  # noqa: A001 (the word of the schema; nothing here raises Python warnings)
    message: str = strawberry.field(description="What to know, for people.")
    path: list[str] | None = strawberry.field(default=None, description="The input field it is about.")


@strawberry.type(description="A warning without further detail.")
class PlainWarning(Warning):
    pass


@strawberry.type(description="A line whose unit price is not the one that holds.")
class PriceChangedLine:
    sku: str = strawberry.field(description="The variant's sku.")
    sent: Money | None = strawberry.field(description="The unit price that was sent; null when none was.")
    current: Money | None = strawberry.field(description="The price that holds; null when the hub has none.")


@strawberry.type(description="Unit prices differ from the hub's.")
class PriceChangedError(Error):
    lines: list[PriceChangedLine] = strawberry.field(default_factory=list, description="Every line that differs.")


ERROR_TYPES: tuple[type, ...] = (
    InvalidInputError,
    NotFoundError,
    ConflictError,
    DeniedError,
    UnavailableError,
    InsufficientStockError,
    PriceChangedError,
    PlainWarning,
)
"""Give these to the schema's `types`; clients meet them only through the interfaces."""

_BY_KIND: dict[ErrorKind, tuple[type[Error], ErrorCode]] = {
    ErrorKind.INVALID: (InvalidInputError, ErrorCode.INVALID_INPUT),
    ErrorKind.MISSING: (NotFoundError, ErrorCode.NOT_FOUND),
    ErrorKind.CONFLICT: (ConflictError, ErrorCode.CONFLICT),
    ErrorKind.DENIED: (DeniedError, ErrorCode.DENIED),
    ErrorKind.UNAVAILABLE: (UnavailableError, ErrorCode.UNAVAILABLE),
}

_converters: dict[type[HubError], Callable[[Any], Error]] = {}


def converts(kind: type[E]) -> Callable[[Callable[[E], Error]], Callable[[E], Error]]:
    """Decorate the function that turns `kind` and its subclasses into a richer error type."""

    def register(convert: Callable[[E], Error]) -> Callable[[E], Error]:
        _converters[kind] = convert
        return convert

    return register


Detail = Callable[[RequestContext, HubError], Awaitable[Error]]

_details: dict[str, Detail] = {}


def details(code: str) -> Callable[[Detail], Detail]:
    """Decorate the function that shows the `details` of refusals with `code`.

    By code and not by class: a refusal that is given again from storage has its code and details, but its class
    is gone.
    """

    def register(describe: Detail) -> Detail:
        _details[code] = describe
        return describe

    return register


async def described_error(context: RequestContext, error: HubError) -> Error:
    """As `to_error`, with the details where there are some."""
    describe = _details.get(error.code)
    return await describe(context, error) if describe and error.details else to_error(error)


def error_code(error: HubError) -> ErrorCode:
    """The code of `error`; for one that the schema does not list, the general code of its kind."""
    return ErrorCode[error.code] if error.code in CODES else _BY_KIND[error.kind][1]


def to_error(error: HubError) -> Error:
    """`error` as a payload carries it."""
    for ancestor in type(error).__mro__:
        if ancestor in _converters:
            return _converters[ancestor](error)
    path = list(error.path) or None
    if isinstance(error, kernel_errors.UnavailableError):
        return UnavailableError(
            code=error_code(error),
            message=error.message,
            path=path,
            retry_after_seconds=error.retry_after_seconds,
        )
    return _BY_KIND[error.kind][0](code=error_code(error), message=error.message, path=path)


async def attempt(context: RequestContext, work: Callable[[], Awaitable[T]]) -> tuple[T | None, list[Error]]:
    """Run the work of one root mutation: its result, or the errors for its payload.

    Missing permission is raised on, to become a top-level error. The operation's read session is given back
    before and what was read is forgotten after, so that the payload shows the new state.
    """
    await context.refresh()
    try:
        return await work(), []
    except HubError as error:
        if error.kind is ErrorKind.DENIED:
            raise
        return None, [await described_error(context, error)]
    finally:
        await context.refresh()
