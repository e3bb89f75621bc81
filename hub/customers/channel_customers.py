"""What a channel says about a buyer, as evidence."""

from uuid import UUID

from adapters.sdk.types import ChannelCustomer
from hub.customers.messages import IdentityEvidence, IdentityKind, Person


def channel_evidence(
    channel_id: UUID, buyer: ChannelCustomer, *, country: str = ""
) -> tuple[list[IdentityEvidence], Person]:
    """Evidence and person for `resolve_customer`. `country` is where national phone numbers are dialled."""
    evidence = []
    if buyer.external_id:
        evidence.append(IdentityEvidence(IdentityKind.CHANNEL_ACCOUNT, buyer.external_id, channel_id=channel_id))
    if buyer.email:
        evidence.append(IdentityEvidence(IdentityKind.EMAIL, buyer.email, verified=buyer.email_verified))
    if buyer.phone:
        evidence.append(
            IdentityEvidence(IdentityKind.PHONE, buyer.phone, verified=buyer.phone_verified, country=country)
        )
    return evidence, Person(buyer.first_name, buyer.last_name, buyer.email, buyer.phone)
