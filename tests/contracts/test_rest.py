"""The REST parts answer as their OpenAPI document says, whatever is sent to them."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.running_hub import MEMORY_CHANNEL, WOOCOMMERCE, RunningHub

MANY = 20
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS = {
    "POST /auth/login",
    "POST /auth/logout",
    "POST /auth/rotate",
    "POST /webhooks/{channel_code}",
    "POST /rfid/sessions",
    "GET /rfid/sessions/{session_id}",
    "GET /rfid/sessions/{session_id}/lines",
    "POST /rfid/sessions/{session_id}/reads",
    "POST /rfid/sessions/{session_id}/epcis",
    "GET /rfid/sessions/{session_id}/epcis",
    "POST /rfid/sessions/{session_id}/close",
    "POST /rfid/sessions/{session_id}/counts",
    "POST /rfid/sessions/{session_id}/booking",
    "GET /health/live",
    "GET /health/ready",
}
CHOOSY = {"POST /auth/login"}
"""Operations for which a request can break the document; the others take any text or nothing."""


@pytest.fixture(scope="module")
def document(hub: RunningHub) -> dict[str, Any]:
    answer = requests.get(f"{hub.url}/openapi/openapi.json", timeout=10)
    assert answer.status_code == requests.codes.ok
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def explore(hub: RunningHub, document: dict[str, Any], browser: requests.Session, examples: int) -> set[str]:
    """Send generated requests to every operation of the document; the operations that were asked."""
    schema = schemathesis.openapi.from_dict(document)
    seen = set()
    found: Any
    for found in schema.get_all_operations():
        operation = found.ok()
        seen.add(operation.label)
        _send(hub, operation, GenerationMode.POSITIVE, browser, examples // 2)
        if operation.label in CHOOSY:
            _send(hub, operation, GenerationMode.NEGATIVE, browser, examples)
    return seen


def _send(hub: RunningHub, operation: Any, mode: GenerationMode, browser: requests.Session, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=examples < MANY,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        browser.cookies.clear()
        case.call_and_validate(hub.url, browser, checks=CHECKS)

    check()


def test_every_rest_operation_answers_as_documented(
    hub: RunningHub, document: dict[str, Any], browser: requests.Session
) -> None:
    assert explore(hub, document, browser, examples=4) == OPERATIONS


@pytest.mark.full
def test_every_rest_operation_answers_many_requests_as_documented(
    hub: RunningHub, document: dict[str, Any], browser: requests.Session
) -> None:
    assert explore(hub, document, browser, examples=MANY) == OPERATIONS


@pytest.mark.parametrize("code", [MEMORY_CHANNEL, WOOCOMMERCE])
def test_an_unsigned_delivery_to_a_real_channel_is_refused_as_documented(
    hub: RunningHub, document: dict[str, Any], browser: requests.Session, code: str
) -> None:
    operation = schemathesis.openapi.from_dict(document)["/webhooks/{channel_code}"]["POST"]
    case = operation.Case(path_parameters={"channel_code": code}, body=b"{}", media_type="application/json")
    answer = case.call(hub.url, browser)
    assert answer.status_code == requests.codes.unauthorized
    case.validate_response(answer, checks=CHECKS)


def test_every_refusal_is_documented_as_a_problem(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if status.startswith("4"):
                    assert list(response["content"]) == ["application/problem+json"], (path, status)
