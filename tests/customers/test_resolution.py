"""Who is who, on the real database."""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from adapters.sdk.types import ChannelCustomer
from hub.channels import Channel
from hub.customers import (
    CHANGED,
    IdentityEvidence,
    IdentityInvalidError,
    IdentityKind,
    Person,
    UnknownCustomerError,
    channel_evidence,
    customers_by_ids,
    erase,
    find_customer,
    person,
    resolve_customer,
)
from hub.infra.database import Database
from hub.infra.sealing import Sealer, SecretKey
from hub.kernel.ids import new_id

CANARY = "Zyxwvut-Canary"
EMAIL = f"{CANARY}@example.com"
PHONE = "+4930987654321"


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(SecretKey(secrets.token_bytes(32)))


@pytest.fixture
async def channel_id(database: Database) -> UUID:
    channel = Channel(
        code="web", name="Web", kind="STOREFRONT", system="memory", currency="EUR", prices_include_tax=True,
        go_live_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    async with database.write() as session:
        session.add(channel)
    return channel.id


def email(value: str = EMAIL, *, verified: bool = True) -> IdentityEvidence:
    return IdentityEvidence(IdentityKind.EMAIL, value, verified=verified)


def phone(value: str = PHONE, *, verified: bool = True) -> IdentityEvidence:
    return IdentityEvidence(IdentityKind.PHONE, value, verified=verified)


def account(channel_id: UUID, value: str = "42") -> IdentityEvidence:
    return IdentityEvidence(IdentityKind.CHANNEL_ACCOUNT, value, channel_id=channel_id)


async def resolve(
    database: Database, sealer: Sealer, evidence: Sequence[IdentityEvidence], told: Person | None = None
) -> UUID:
    async with database.write() as session:
        return await resolve_customer(session, evidence, told, sealer)


async def known(database: Database, sealer: Sealer, customer_id: UUID) -> Person | None:
    async with database.read() as session:
        return person((await customers_by_ids(session, [customer_id]))[customer_id], sealer)


async def dump(database_url: str) -> str:
    """Every row of every table as text, bytea also in the clear and in hexadecimal."""
    connection = await asyncpg.connect(database_url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    parts = []
    for (table,) in tables:
        for row in await connection.fetch(f'SELECT * FROM "{table}"'):
            parts += [
                value.hex() + value.decode("latin-1") if isinstance(value, bytes) else str(value)
                for value in row.values()
            ]
    await connection.close()
    return "\n".join(parts).casefold()


def seen(text: str) -> bool:
    return any(trace.casefold() in text for trace in (CANARY, CANARY.encode().hex(), PHONE, PHONE.encode().hex()))


class TestResolving:
    async def test_the_same_verified_email_is_the_same_person_in_every_channel(self, database, sealer, channel_id):
        first = await resolve(database, sealer, [account(channel_id), email()])
        assert await resolve(database, sealer, [email(f" {EMAIL.upper()} ")]) == first

    async def test_what_was_proven_together_leads_to_the_same_person_apart(self, database, sealer):
        first = await resolve(database, sealer, [email()])
        assert await resolve(database, sealer, [email(), phone()]) == first
        assert await resolve(database, sealer, [phone()]) == first

    async def test_an_unverified_email_never_merges_two_people(self, database, sealer, channel_id):
        first = await resolve(database, sealer, [email()])
        other = await resolve(database, sealer, [account(channel_id), email(verified=False)])
        assert other != first
        assert await resolve(database, sealer, [account(channel_id), email(verified=False)]) == other

    async def test_an_unverified_email_leads_to_nobody(self, database, sealer, channel_id):
        await resolve(database, sealer, [account(channel_id), email(verified=False)])
        async with database.read() as session:
            assert await find_customer(session, email(), sealer) is None

    async def test_an_email_verified_later_leads_to_the_account_that_mentioned_it(self, database, sealer, channel_id):
        first = await resolve(database, sealer, [account(channel_id), email(verified=False)])
        assert await resolve(database, sealer, [account(channel_id), email()]) == first
        assert await resolve(database, sealer, [email()]) == first

    async def test_contradicting_proofs_change_no_hands_and_the_account_wins(self, database, sealer, channel_id):
        by_account = await resolve(database, sealer, [account(channel_id)])
        by_email = await resolve(database, sealer, [email()])
        assert await resolve(database, sealer, [email(), account(channel_id)]) == by_account
        assert await resolve(database, sealer, [email()]) == by_email

    async def test_without_proof_every_order_is_a_guest_of_its_own(self, database, sealer):
        guests = {await resolve(database, sealer, [email(verified=False)]) for _ in range(2)}
        assert len(guests) == 2

    async def test_a_channels_buyer_becomes_evidence(self, database, sealer, channel_id):
        buyer = ChannelCustomer("7", EMAIL, "030 987654321", "Ada", "Byron", email_verified=True, phone_verified=True)
        evidence, told = channel_evidence(channel_id, buyer, country="DE")
        customer_id = await resolve(database, sealer, evidence, told)
        async with database.read() as session:
            assert await find_customer(session, phone(), sealer) == customer_id
        assert await known(database, sealer, customer_id) == Person("Ada", "Byron", EMAIL, "030 987654321")

    async def test_too_much_evidence_is_refused(self, database, sealer):
        with pytest.raises(IdentityInvalidError):
            await resolve(database, sealer, [email(f"{number}@example.com") for number in range(21)])

    async def test_an_identity_is_found_after_its_secret_key_was_rotated(self, database):
        old, new = (SecretKey(secrets.token_bytes(32)) for _ in range(2))
        first = await resolve(database, Sealer(old), [email()])
        assert await resolve(database, Sealer(new, old), [email()]) == first


class TestRaces:
    async def test_sixteen_claims_of_one_email_make_one_customer(self, database_url, sealer):
        crowd = Database(database_url, pool_size=16)
        found = await asyncio.gather(*(resolve(crowd, sealer, [email()]) for _ in range(16)))
        async with crowd.read() as session:
            assert len(set(found)) == 1
            assert len(await customers_by_ids(session, [*found])) == 1
        await crowd.close()

    async def test_overlapping_claims_in_any_order_neither_deadlock_nor_leave_orphans(self, database_url, sealer):
        crowd = Database(database_url, pool_size=16)
        pool = [email(f"{number}@example.com") for number in range(4)]
        bundles = [[pool[start % 4], pool[(start + 1 + start // 4) % 4]] for start in range(16)]
        found = set(await asyncio.gather(*(resolve(crowd, sealer, bundle) for bundle in bundles)))
        connection = await asyncpg.connect(database_url)
        pointed = await connection.fetch("SELECT DISTINCT customer_id FROM customer_identities")
        made = await connection.fetch("SELECT id FROM customers")
        await connection.close()
        await crowd.close()
        assert {row["customer_id"] for row in pointed} == {row["id"] for row in made}
        assert found <= {row["id"] for row in made}


class TestPersons:
    async def test_blanks_are_filled_and_what_is_known_stays(self, database, sealer):
        customer_id = await resolve(database, sealer, [email()], Person(first_name="Ada"))
        await resolve(database, sealer, [email()], Person(first_name="Eve", last_name="Byron"))
        assert await known(database, sealer, customer_id) == Person("Ada", "Byron")

    async def test_a_person_does_not_open_in_another_row(self, database, sealer):
        one, two = [
            await resolve(database, sealer, [email(f"{name}@example.com")], Person(first_name=name))
            for name in ("Ada", "Bob")
        ]
        async with database.read() as session:
            rows = await customers_by_ids(session, [one, two])
            rows[one].person = rows[two].person
            with pytest.raises(Exception, match="sealed for another"):
                person(rows[one], sealer)

    async def test_nothing_personal_is_stored_in_the_clear_anywhere(self, database, database_url, sealer):
        await resolve(database, sealer, [email(), phone()], Person(CANARY, CANARY, EMAIL, PHONE))
        assert not seen(await dump(database_url))

    async def test_every_change_is_told_with_a_growing_version_and_no_content(self, database, database_url, sealer):
        customer_id = await resolve(database, sealer, [email()], Person(first_name=CANARY))
        connection = await asyncpg.connect(database_url)
        told = await connection.fetch("SELECT topic, entity_id, entity_version, payload FROM outbox ORDER BY id")
        await connection.close()
        assert [tuple(row) for row in told] == [(CHANGED, customer_id, 1, "{}"), (CHANGED, customer_id, 2, "{}")]


class TestErasing:
    async def test_the_key_goes_and_nothing_opens_any_more(self, database, database_url, sealer):
        customer_id = await resolve(database, sealer, [email(), phone()], Person(CANARY, CANARY, EMAIL, PHONE))
        async with database.write() as session:
            await erase(session, customer_id)
        assert await known(database, sealer, customer_id) is None
        assert not seen(await dump(database_url))
        connection = await asyncpg.connect(database_url)
        left = await connection.fetchrow("SELECT person, person_key, erased_at IS NOT NULL AS erased FROM customers")
        await connection.close()
        assert left is not None
        assert tuple(left) == (None, None, True)

    async def test_a_later_import_finds_the_tombstone_and_stays_redacted(self, database, sealer):
        told = Person(CANARY, CANARY, EMAIL, PHONE)
        customer_id = await resolve(database, sealer, [email()], told)
        for _ in range(2):
            async with database.write() as session:
                await erase(session, customer_id)
        assert await resolve(database, sealer, [email()], told) == customer_id
        assert await known(database, sealer, customer_id) is None

    async def test_of_nobody_is_refused(self, database):
        async with database.write() as session:
            with pytest.raises(UnknownCustomerError):
                await erase(session, new_id())
