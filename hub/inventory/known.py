"""What stock mutations name, read once for all that share a transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from hub.infra.database import WriteSession, raw_connection
from hub.inventory.errors import BundleStockError, UnknownLocationError, UnknownVariantError
from hub.inventory.pinning import read_free, read_pools
from hub.inventory.pool import Pool
from hub.inventory.units import LevelKey, Units, parts_of
from hub.kernel.principal import LocationNotAllowedError, Principal
from routing import Part

Path = tuple[str, ...]

_NAMED = """
SELECT 'variant', id, sku, stock_policy FROM variants WHERE id = ANY($1::uuid[])
UNION ALL SELECT 'sku', id, sku, stock_policy FROM variants WHERE sku = ANY($2::text[])
UNION ALL SELECT 'location', id, NULL, CASE WHEN active AND kind <> 'EXTERNAL' THEN 'OPEN' END FROM locations
WHERE id = ANY($3::uuid[])
UNION ALL SELECT 'part', component_id, bundle_id::text, quantity::text
FROM bundle_components WHERE bundle_id = ANY($1::uuid[])
UNION ALL SELECT 'part', c.component_id, c.bundle_id::text, c.quantity::text
FROM variants AS v JOIN bundle_components AS c ON c.bundle_id = v.id WHERE v.sku = ANY($2::text[])
"""

_MEMBERS = "SELECT channel_id, location_id FROM channel_locations WHERE channel_id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class KnownVariant:
    id: UUID
    sku: str
    stock_policy: str


@dataclass(slots=True)
class Wanted:
    """What to read. A variant is named by id or by sku."""

    variants: set[UUID | str] = field(default_factory=set)
    locations: set[UUID] = field(default_factory=set)
    reach: set[UUID] = field(default_factory=set)
    """Channels whose own locations are asked for, open or not."""
    pools: dict[UUID, set[UUID | str]] = field(default_factory=dict)


@dataclass(slots=True)
class Known:
    """What was read. `locked`: claims on pools are to be chosen under locks and not from `free`."""

    variants: dict[UUID | str, KnownVariant]
    locations: dict[UUID, bool]
    """Each with whether stock may be kept for somebody there: it is active and the hub's to promise."""
    reach: dict[UUID, set[UUID]]
    pools: dict[UUID, Pool]
    free: dict[LevelKey, int]
    locked: bool
    bundles: dict[UUID, tuple[Part, ...]]
    """What the named variants that are bundles are made of."""

    def variant(self, named: UUID | str, path: Path) -> KnownVariant:
        """Raises UnknownVariantError."""
        found = self.variants.get(named)
        if found is None:
            kind = "sku" if isinstance(named, str) else "variant"
            shown = repr(named[:60]) if isinstance(named, str) else str(named)
            raise UnknownVariantError(f"there is no {kind} {shown}", path=path)
        return found

    def stocked(self, named: UUID | str, path: Path) -> KnownVariant:
        """A variant with stock of its own. Raises UnknownVariantError and BundleStockError."""
        found = self.variant(named, path)
        if found.id in self.bundles:
            raise BundleStockError(f"sku {found.sku!r} is a bundle; name its components instead", path=path)
        return found

    def require_locations(self, location_ids: Iterable[UUID], path: Path = ("locationId",)) -> None:
        """Raises UnknownLocationError for the first that does not exist."""
        for location_id in location_ids:
            if location_id not in self.locations:
                raise UnknownLocationError(f"there is no location {location_id}", path=path)

    def require_open(self, location_id: UUID, path: Path) -> None:
        """Raises UnknownLocationError."""
        if not self.locations.get(location_id):
            raise UnknownLocationError(f"nothing is kept for anybody at a location {location_id}", path=path)

    def require_in_reach(self, principal: Principal, location_ids: Iterable[UUID]) -> None:
        """A credential of one channel that is bound to no location acts within that channel's pool only.

        Raises LocationNotAllowedError.
        """
        if not reaches_its_channel_only(principal) or principal.channel_id is None:
            return
        if set(location_ids) - self.reach.get(principal.channel_id, set()):
            raise LocationNotAllowedError("this location is not in the channel's pool", path=("locationId",))

    def take(self, units: Iterable[Units]) -> None:
        """What an earlier claim has chosen is not free for a later one."""
        for key, quantity in units:
            self.free[key] = self.free.get(key, 0) - quantity


def reaches_its_channel_only(principal: Principal) -> bool:
    return principal.channel_id is not None and principal.location_ids is None


async def read_known(session: WriteSession, wanted: Wanted, *, locked: bool) -> Known:
    """One statement for names, and three more when pools are claimed from."""
    driver = await raw_connection(session)
    ids = [item for item in wanted.variants if isinstance(item, UUID)]
    skus = [item for item in wanted.variants if isinstance(item, str)]
    variants: dict[UUID | str, KnownVariant] = {}
    locations: dict[UUID, bool] = {}
    parts: dict[UUID, dict[UUID, int]] = {}
    for kind, found, sku, policy in await driver.fetch(_NAMED, ids, skus, list(wanted.locations)):
        if kind == "location":
            locations[found] = policy is not None
        elif kind == "part":
            # A bundle that is named by id and by sku comes twice.
            parts.setdefault(UUID(sku), {})[found] = int(policy)
        else:
            variants[sku if kind == "sku" else found] = KnownVariant(found, sku, policy)
    bundles = {
        bundle: tuple(Part(part, units) for part, units in sorted(made_of.items())) for bundle, made_of in parts.items()
    }
    reach: dict[UUID, set[UUID]] = {}
    if wanted.reach:
        for channel_id, location_id in await driver.fetch(_MEMBERS, list(wanted.reach)):
            reach.setdefault(channel_id, set()).add(location_id)
    claimed = {
        channel_id: {variants[named].id for named in names if named in variants}
        for channel_id, names in wanted.pools.items()
    }
    for named in claimed.values():
        named |= {part.variant_id for variant_id in list(named) for part in parts_of(variant_id, bundles)}
    pools = await read_pools(session, claimed) if claimed else {}
    asked = sorted(set().union(*claimed.values())) if claimed else []
    free = await read_free(session, asked) if asked and not locked else {}
    return Known(variants, locations, reach, pools, free, locked, bundles)
