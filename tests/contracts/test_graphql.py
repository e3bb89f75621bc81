"""GraphQL answers every document that fits the schema, from every kind of caller, without a fault."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from graphql import ArgumentNode, ListValueNode, ObjectFieldNode, StringValueNode, Visitor, parse, print_ast, visit
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.graphql import nodes

from hub_graphql.ids import global_id
from tests.running_hub import SKUS, RunningHub

SCHEMA = Path(__file__).resolve().parents[2] / "graphql" / "schema.graphql"
ROLES = ("storefront", "terminal", "staff", "customer")
MANY = 10
FAULTS = {"INTERNAL", "DEADLINE_EXCEEDED"}

schemathesis.graphql.scalar("DateTime", st.datetimes().map(lambda when: nodes.String(when.isoformat() + "Z")))


class Familiar(Visitor):
    """Puts names that the hub knows where a generated text stands, most of the time, so that resolvers get work."""

    def __init__(self, hub: RunningHub, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        places = [global_id("Location", place) for place in hub.locations.values()]
        self._known = {
            "sku": SKUS,
            "skus": SKUS,
            "handle": [sku.lower() for sku in SKUS],
            "code": list(hub.locations),
            "locationCode": list(hub.locations),
            "fromLocationCode": list(hub.locations),
            "toLocationCode": list(hub.locations),
            "locationId": places,
            "locationIds": places,
            "pickupLocationId": places,
            "channel": ["shop", "tills"],
            "currencyCode": ["EUR", "USD"],
            "idempotencyKey": [f"key-{number}" for number in range(1_000)],
            "id": places,
        }

    def enter_argument(self, node: ArgumentNode, *_: Any) -> Any:
        return self._renamed(node)

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> Any:
        return self._renamed(node)

    def _renamed(self, node: Any) -> Any:
        known = self._known.get(node.name.value)
        if known is None or self._chance.random() < 0.25:
            return None
        value: Any = StringValueNode(value=self._chance.choice(known))
        if isinstance(node.value, ListValueNode):
            value = ListValueNode(values=(value,))
        elif not isinstance(node.value, StringValueNode):
            return None
        return type(node)(name=node.name, value=value)


@pytest.fixture(scope="module")
def schema() -> Any:
    return schemathesis.graphql.from_path(SCHEMA)


@pytest.fixture
def connection(hub: RunningHub, role: str) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers.update(hub.credentials[role])
        yield session


def explore(hub: RunningHub, schema: Any, connection: requests.Session, examples: int) -> Counter[str]:
    """Send generated documents for every field of the root types; how often each kind of answer came."""
    answers: Counter[str] = Counter()
    for result in schema.get_all_operations():

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=examples < MANY,
            database=None,
            print_blob=False,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=result.ok().as_strategy(), chance=st.randoms(use_true_random=False))
        def check(case: Any, chance: random.Random) -> None:
            case.body = print_ast(visit(parse(case.body), Familiar(hub, chance)))
            answer = case.call(f"{hub.url}/graphql", connection)
            answers[conforming(case.body, answer)] += 1

        check()
    return answers


def conforming(document: str, answer: Any) -> str:
    """The code of the first error, else OK. Fails for a fault, and for what is no GraphQL response."""
    assert answer.status_code < 500, (document, answer.text)
    assert answer.headers["content-type"][0].startswith("application/json"), document
    body = answer.json()
    assert body.keys() <= {"data", "errors", "extensions"}, document
    for error in body.get("errors", ()):
        assert error.keys() <= {"message", "locations", "path", "extensions"}, (document, error)
        assert error["message"], document
        assert error["extensions"]["requestId"] == answer.headers["x-request-id"][0], document
        assert error["extensions"]["code"] not in FAULTS, (document, error)
    if "errors" in body:
        return str(body["errors"][0]["extensions"]["code"])
    assert isinstance(body["data"], dict), document
    return "OK"


@pytest.mark.parametrize("role", ROLES)
def test_documents_that_fit_the_schema_meet_no_fault(
    hub: RunningHub, schema: Any, connection: requests.Session, role: str
) -> None:
    answers = explore(hub, schema, connection, examples=2)
    assert answers["OK"] > 0, answers


@pytest.mark.full
@pytest.mark.parametrize("role", ROLES)
def test_many_documents_that_fit_the_schema_meet_no_fault(
    hub: RunningHub, schema: Any, connection: requests.Session, role: str
) -> None:
    answers = explore(hub, schema, connection, examples=MANY)
    assert answers["OK"] > 0, answers


def test_the_schema_that_is_served_is_the_published_one(hub: RunningHub, schema: Any) -> None:
    served = schemathesis.graphql.from_url(f"{hub.url}/graphql", headers=hub.credentials["staff"])
    assert labels(served) == labels(schema)


def labels(schema: Any) -> set[str]:
    return {result.ok().label for result in schema.get_all_operations()}
