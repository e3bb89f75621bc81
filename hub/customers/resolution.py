"""Which person is this? Proven identifiers answer; everything else is only remembered."""

from collections.abc import Sequence
from uuid import UUID

from hub.customers import persons, repository
from hub.customers.errors import IdentityContendedError, IdentityInvalidError
from hub.customers.messages import IdentityEvidence, IdentityKind, Person
from hub.customers.repository import Key
from hub.customers.rules import MAX_EVIDENCE, Identifier, identifier, usable_identifiers
from hub.infra.database import AnySession, WriteSession
from hub.infra.sealing import Sealer
from hub.kernel.ids import new_id

_PRECEDENCE = (
    IdentityKind.CHANNEL_ACCOUNT,
    IdentityKind.LOYALTY_CARD,
    IdentityKind.EMAIL,
    IdentityKind.PHONE,
    IdentityKind.NFC_TOKEN,
)


async def resolve_customer(
    session: WriteSession, evidence: Sequence[IdentityEvidence], person: Person | None, sealer: Sealer
) -> UUID:
    """The customer that the evidence proves, made when there is none; `person` fills what is not known yet.

    Where proofs lead to different customers, the channel account wins, then card, e-mail, phone, token: nothing
    is merged and no identity changes hands. Without proof every call is a new customer. Identifiers that
    nobody can have are left out. An erased customer is found but learns nothing again.

    Claims identities in key order and waits for whoever claims the same. Call it once per transaction and
    before stock levels are locked. Raises IdentityInvalidError (too much evidence) or IdentityContendedError.
    """
    if len(evidence) > MAX_EVIDENCE:
        raise IdentityInvalidError(f"at most {MAX_EVIDENCE} identifiers can be weighed at once")
    found = usable_identifiers(evidence)
    customer_id = await _proven(session, [one for one in found if one.proves], sealer)
    mentions = [repository.stored_key(sealer, one) for one in found if not one.proves]
    for key in sorted(mentions):
        await repository.mention(session, key, customer_id)
    if person is not None:
        await persons.learn(session, customer_id, person, sealer)
    return customer_id


async def find_customer(session: AnySession, evidence: IdentityEvidence, sealer: Sealer) -> UUID | None:
    """Whom this identifier was proven to belong to. Raises IdentityInvalidError.

    A national phone number needs its `country`. The caller checks the scope and limits the rate.
    """
    keys = repository.known_keys(sealer, identifier(evidence))
    return next(iter((await repository.owners(session, keys)).values()), None)


async def _proven(session: WriteSession, proofs: Sequence[Identifier], sealer: Sealer) -> UUID:
    # Each further attempt means that somebody else committed one more of these identities meanwhile.
    for _attempt in range(len(proofs) + 2):
        owned = await _owned(session, proofs, sealer)
        missing = sorted(repository.stored_key(sealer, one) for one in proofs if one not in owned)
        if owned:
            customer_id = owned[min(owned, key=lambda one: (_PRECEDENCE.index(one.kind), one.value))]
            for key in missing:
                await repository.point(session, key, customer_id)
            return customer_id
        made = await _make(session, missing)
        if made is not None:
            return made
    raise IdentityContendedError("this identity is being claimed by many at once; try again")


async def _owned(session: WriteSession, proofs: Sequence[Identifier], sealer: Sealer) -> dict[Identifier, UUID]:
    keys = {key: one for one in proofs for key in repository.known_keys(sealer, one)}
    found = await repository.owners(session, list(keys))
    return {keys[key]: customer_id for key, customer_id in found.items()}


async def _make(session: WriteSession, keys: Sequence[Key]) -> UUID | None:
    """A new customer with all these identities; None, and nothing done, when one was taken meanwhile."""
    savepoint = await session.begin_nested()
    customer_id = new_id()
    await repository.insert_customer(session, customer_id)
    for key in keys:
        if not await repository.point(session, key, customer_id):
            await savepoint.rollback()
            return None
    await savepoint.commit()
    await persons.announce(session, customer_id, 1)
    return customer_id
