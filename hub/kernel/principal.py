"""Who asks. Every request, job and command line carries one; the default answer is no."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from hub.kernel.errors import DeniedError


class PrincipalKind(StrEnum):
    MACHINE = "MACHINE"
    STAFF = "STAFF"
    CUSTOMER = "CUSTOMER"
    SYSTEM = "SYSTEM"
    """The hub's own worker, scheduler and command line."""


class Scope(StrEnum):
    CATALOG_READ = "catalog:read"
    CATALOG_WRITE = "catalog:write"
    STOCK_READ = "stock:read"
    STOCK_WRITE = "stock:write"
    RESERVATIONS_WRITE = "reservations:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    ORDERS_PRICE = "orders:price"
    ORDERS_REVIEW = "orders:review"
    FULFILLMENT_READ = "fulfillment:read"
    FULFILLMENT_WRITE = "fulfillment:write"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    LOYALTY_READ = "loyalty:read"
    LOYALTY_WRITE = "loyalty:write"
    ROUTING_READ = "routing:read"
    CHANNELS_READ = "channels:read"
    CHANNELS_WRITE = "channels:write"
    ACCESS_WRITE = "access:write"
    INTROSPECTION = "introspection"


class ScopeMissingError(DeniedError):
    code = "SCOPE_MISSING"


class LocationNotAllowedError(DeniedError):
    code = "LOCATION_NOT_ALLOWED"


class ChannelNotAllowedError(DeniedError):
    code = "CHANNEL_NOT_ALLOWED"


class CustomerNotAllowedError(DeniedError):
    code = "CUSTOMER_NOT_ALLOWED"


@dataclass(frozen=True, slots=True)
class Principal:
    """Identity and authority of a caller; never the secret it proved itself with.

    `channel_id` None means every channel, `location_ids` None every location. A terminal has its one channel
    and its one location. A customer sees only `customer_id`.
    """

    id: UUID
    kind: PrincipalKind
    name: str
    scopes: frozenset[Scope] = frozenset()
    channel_id: UUID | None = None
    terminal_id: UUID | None = None
    location_ids: frozenset[UUID] | None = None
    customer_id: UUID | None = None
    acting_for: UUID | None = None
    trusted_documents_only: bool = False
    request_id: str | None = field(default=None, compare=False)

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes

    def require(self, scope: Scope) -> None:
        """Raises ScopeMissingError, naming the scope that is needed."""
        if scope not in self.scopes:
            raise ScopeMissingError(f"this credential lacks the scope {scope.value!r}")

    def require_location(self, location_id: UUID) -> None:
        """Raises LocationNotAllowedError when the credential is bound to other locations."""
        if self.location_ids is not None and location_id not in self.location_ids:
            raise LocationNotAllowedError("this credential is bound to another location", path=("locationId",))

    def require_channel(self, channel_id: UUID) -> None:
        """Raises ChannelNotAllowedError when the credential is bound to another channel."""
        if self.channel_id is not None and channel_id != self.channel_id:
            raise ChannelNotAllowedError("this credential is bound to another channel", path=("channelId",))

    def acts_for(self, customer_id: UUID | None) -> UUID | None:
        """The customer whom a claim or order of this caller is for. Customers act for themselves, named or not;
        raises CustomerNotAllowedError when one names somebody else."""
        if self.kind is not PrincipalKind.CUSTOMER:
            return customer_id
        if self.customer_id is None or customer_id not in {None, self.customer_id}:
            raise CustomerNotAllowedError("a customer acts for themselves only", path=("customerId",))
        return self.customer_id


SYSTEM = Principal(
    id=UUID(int=0), kind=PrincipalKind.SYSTEM, name="hub", scopes=frozenset(Scope) - {Scope.INTROSPECTION}
)
