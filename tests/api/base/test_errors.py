"""Every refusal of the hub has a code that the schema lists, and a type that fits its kind."""

import importlib
import pkgutil

import pytest
import strawberry
from graphql import GraphQLEnumType

import hub
from hub.kernel import errors as kernel
from hub_graphql.error_codes import CODES, ErrorCode
from hub_graphql.errors import Error, InsufficientStockError, InsufficientStockLine, converts, to_error


class OddError(kernel.ConflictError):
    code = "NEVER_LISTED"


class ShortError(kernel.ConflictError):
    code = "INSUFFICIENT_STOCK"


class VeryShortError(ShortError):
    pass


@converts(ShortError)
def _short(error: ShortError) -> Error:
    line = InsufficientStockLine(sku="S1", location_id=None, requested=2, available=1)
    return InsufficientStockError(code=ErrorCode.INSUFFICIENT_STOCK, message=error.message, lines=[line])


def family(kind: type[kernel.HubError]) -> set[type[kernel.HubError]]:
    return {kind}.union(*(family(child) for child in kind.__subclasses__()))


FILE_CODES = {
    "FILE_TOO_LONG",
    "TOO_MANY_MALFORMED_ROWS",
    "UNKNOWN_FORMAT",
    "WRONG_ENCODING",
    "UNREADABLE_FILE",
    "WRONG_DELIMITER",
    "WRONG_HEADER",
}
"""What is wrong with an imported file is told by the command line, never by a payload."""

SETUP_CODES = {
    "CHANNEL_CODE_TAKEN",
    "CHANNEL_CREDENTIALS_REFUSED",
    "CHANNEL_NOT_CONNECTED",
    "CHANNEL_SETTINGS_INVALID",
    "CHANNEL_UNREACHABLE",
    "EXTERNAL_LOCATION_TAKEN",
    "INBOX_ROW_NOT_FOUND",
    "INBOX_ROW_NOT_PARKED",
    "MONTH_STILL_NEEDED",
    "WEBHOOKS_NOT_SUPPORTED",
}
"""Channels are set up, and their inbox and the old months of the ledger tended, by the command line and REST."""


def payload_errors() -> list[type[kernel.HubError]]:
    """Every HubError class whose refusals reach payloads: of the kernel and the features, credentials apart.

    Missing permission is a top-level error, whose code need not be listed.
    """
    skipped = ("hub.infra", "hub.entrypoints", "hub.access")
    for module in pkgutil.walk_packages(hub.__path__, "hub."):
        if not module.name.startswith(skipped):
            importlib.import_module(module.name)
    return [
        kind
        for kind in family(kernel.HubError)
        if kind.__module__.startswith("hub.")
        and not kind.__module__.startswith(skipped)
        and kind.kind is not kernel.ErrorKind.DENIED
        and kind.code not in FILE_CODES | SETUP_CODES
    ]


def test_every_code_that_a_feature_can_raise_is_in_the_schema():
    missing = {
        f"{kind.__module__}.{kind.__qualname__}: {kind.code}" for kind in payload_errors() if kind.code not in CODES
    }
    assert not missing, "add these to hub_graphql/error_codes.py"


@pytest.mark.parametrize(
    ("error", "type_name", "code"),
    [
        (kernel.InvalidInputError("m", path=("input", "sku")), "InvalidInputError", "INVALID_INPUT"),
        (kernel.InvalidInputError("m", code="INVALID_TTL"), "InvalidInputError", "INVALID_TTL"),
        (kernel.NotFoundError("m"), "NotFoundError", "NOT_FOUND"),
        (kernel.ConflictError("m"), "ConflictError", "CONFLICT"),
        (kernel.DeniedError("m"), "DeniedError", "DENIED"),
        (kernel.UnavailableError("m", retry_after_seconds=2), "UnavailableError", "UNAVAILABLE"),
        (OddError("m"), "ConflictError", "CONFLICT"),
        (ShortError("m"), "InsufficientStockError", "INSUFFICIENT_STOCK"),
        (VeryShortError("m"), "InsufficientStockError", "INSUFFICIENT_STOCK"),
    ],
)
def test_a_refusal_becomes_the_type_of_its_kind(error, type_name, code):
    made = to_error(error)
    assert type(made).__name__ == type_name
    assert made.code is ErrorCode[code]
    assert made.message == "m"


def test_the_path_and_the_time_to_wait_are_kept():
    assert to_error(kernel.InvalidInputError("m", path=("input", "sku"))).path == ["input", "sku"]
    waiting = to_error(kernel.UnavailableError("m", retry_after_seconds=2))
    assert getattr(waiting, "retry_after_seconds", None) == 2


def test_codes_are_published_under_their_own_names(schema: strawberry.Schema):
    published = schema._schema.type_map["ErrorCode"]
    assert isinstance(published, GraphQLEnumType)
    assert {name: ErrorCode[name].name for name in published.values} == {name: name for name in CODES}
