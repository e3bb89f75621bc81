"""What the page sends is what is published: the same files, all valid, all used."""

import re
from pathlib import Path
from uuid import UUID

import pytest

import hub.console
from hub.access import Role, RoleGrant
from hub.access.rules import authority_of
from hub.console.documents import OPERATIONS, document_hashes
from hub.kernel.principal import Principal, PrincipalKind
from hub_graphql.documents import TrustedDocuments
from hub_graphql.execution import Engine
from hub_graphql.schema import schema
from hub_graphql.strict_json import GraphQLRequest
from tests.console.conftest import Site

STATIC = Path(hub.console.__file__).parent / "static"
VARIABLES = {
    "first": 24,
    "variants": 4,
    "skus": ["A", "B"],
    "channel": "shop",
    "locationId": "x",
    "search": "shirt",
    "input": {"id": "x", "idempotencyKey": "k", "expectedVersion": 1},
}
FOR_EVERY_ASSOCIATE = {
    "AvailabilityChanged", "BoardLevels", "BoardLocations", "BoardVariants", "FulfillmentOrderAccept",
    "FulfillmentOrderChanged", "FulfillmentOrderReady", "NewestOrdersPlain", "WaitingInStores",
}  # fmt: skip


def sent_by_scripts() -> set[str]:
    scripts = "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("*.js"))
    sent = set(re.findall(r'(?:run|subscribe)\(\s*"(\w+)"', scripts))
    return sent | set(re.findall(r'(?:document: |#document = |PLAIN = )"(\w+)"', scripts))


def staff(role: Role) -> Principal:
    authority = authority_of([RoleGrant(role)])
    return Principal(
        id=UUID(int=1), kind=PrincipalKind.STAFF, name="ada", scopes=authority.scopes, trusted_documents_only=True
    )


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(schema, TrustedDocuments.load(OPERATIONS.parent))


def prepare(engine: Engine, name: str, role: Role) -> None:
    text = (OPERATIONS / f"{name}.graphql").read_text(encoding="utf-8")
    variables = {key: value for key, value in VARIABLES.items() if f"${key}:" in text}
    engine.prepare(GraphQLRequest(None, None, variables, document_hashes()[name]), staff(role))


@pytest.mark.parametrize("name", sorted(sent_by_scripts()))
def test_a_document_is_trusted_valid_and_within_the_cost(engine: Engine, name: str) -> None:
    prepare(engine, name, Role.OPERATIONS)


@pytest.mark.parametrize("name", sorted(FOR_EVERY_ASSOCIATE))
def test_an_associate_may_send_what_the_tiles_of_a_store_need(engine: Engine, name: str) -> None:
    prepare(engine, name, Role.ASSOCIATE)


def test_everything_that_a_script_sends_is_published() -> None:
    assert sent_by_scripts() <= set(document_hashes())


def test_no_script_holds_a_document_of_its_own() -> None:
    for script in STATIC.glob("*.js"):
        assert not re.search(r"\b(query|mutation|subscription)\s+\w*\s*[({]", script.read_text(encoding="utf-8")), (
            script
        )


async def test_the_page_is_told_the_hashes(site: Site) -> None:
    assert (await site.client.get("/console/documents.json")).json() == dict(document_hashes())
