"""Variants and locations as inputs name them: by their own words, or by id."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import strawberry

from hub.catalog import views
from hub.inventory import UnknownLocationError, UnknownVariantError
from hub.kernel.errors import InvalidInputError
from hub.locations import repository as locations
from hub_graphql.context import RequestContext
from hub_graphql.ids import expect_id

Path = tuple[str, ...]


@strawberry.input
class VariantInput:
    sku: str | None = strawberry.field(
        default=None, description="The variant's sku; give this or variantId. Errors: UNKNOWN_SKU."
    )
    variant_id: strawberry.ID | None = strawberry.field(
        default=None, description="The variant's id; give this or sku. Errors: INVALID_ID, UNKNOWN_SKU."
    )


@strawberry.input
class UnitsInput(VariantInput):
    quantity: int = strawberry.field(description="Units, 1 to 1,000,000,000; else INVALID_QUANTITY.")


@strawberry.input
class LocationInput:
    location_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The location's id; by default the credential's only one. Errors: INVALID_ID, UNKNOWN_LOCATION.",
    )
    location_code: str | None = strawberry.field(
        default=None, description="The location's code, instead of its id. Errors: UNKNOWN_LOCATION."
    )


@dataclass(frozen=True, slots=True)
class Named:
    """A variant by `sku` or `variant_id`, one of the two; `path` is where the input says so."""

    sku: str | None
    variant_id: strawberry.ID | None
    path: Path = ()


async def variant_keys(context: RequestContext, named: Sequence[Named]) -> list[UUID]:
    """The variants, skus looked up in one statement.

    Raises InvalidInputError, GlobalIdError, or UnknownVariantError naming the first sku that nobody has.
    """
    for item in named:
        _require_one_name(item)
    skus = [item.sku for item in named if item.sku is not None]
    found = dict(zip(skus, await context.load_many(views.variant_ids_by_skus, skus), strict=True))
    return [_variant_key(item, found) for item in named]


async def variant_key(
    context: RequestContext, sku: str | None, variant_id: strawberry.ID | None, path: Path = ()
) -> UUID:
    return (await variant_keys(context, [Named(sku, variant_id, path)]))[0]


def variant_names(lines: Sequence[VariantInput]) -> list[UUID | str]:
    """As the input's `lines` name them, for a feature that looks skus up itself. Raises as `variant_keys`."""
    names: list[UUID | str] = []
    for number, line in enumerate(lines):
        item = Named(line.sku, line.variant_id, ("lines", str(number)))
        _require_one_name(item)
        names.append(line.sku if line.sku is not None else _variant_key(item, {}))
    return names


async def variants_of_lines(context: RequestContext, lines: Sequence[VariantInput]) -> list[UUID]:
    """The variants of an input's `lines`, as `variant_keys`."""
    return await variant_keys(
        context, [Named(line.sku, line.variant_id, ("lines", str(number))) for number, line in enumerate(lines)]
    )


async def location_key(
    context: RequestContext,
    location_id: strawberry.ID | None,
    code: str | None,
    *,
    path: Path = ("locationId",),
) -> UUID:
    """The location by id or code, one of the two; by default the only one that the caller is bound to.

    Raises InvalidInputError, GlobalIdError or UnknownLocationError.
    """
    found = await location_key_or_none(context, location_id, code, path=path)
    if found is None:
        raise InvalidInputError("name the location by its id or its code", path=path)
    return found


async def location_key_or_none(
    context: RequestContext, location_id: strawberry.ID | None, code: str | None, *, path: Path
) -> UUID | None:
    """As `location_key`, None when nothing names one."""
    if location_id is not None and code is not None:
        raise InvalidInputError("name the location by id or by code, not both", path=path)
    if location_id is not None:
        return expect_id("Location", location_id, path=path)
    if code is not None:
        return await location_by_code(context, code, path=path)
    bound = context.principal.location_ids
    return next(iter(bound)) if bound is not None and len(bound) == 1 else None


async def location_by_code(context: RequestContext, code: str, *, path: Path) -> UUID:
    found = await context.load(locations.location_ids_by_codes, code)
    if found is None:
        raise UnknownLocationError(f"there is no location {code[:60]!r}", path=path)
    return found


def _require_one_name(item: Named) -> None:
    if (item.sku is None) == (item.variant_id is None):
        raise InvalidInputError("name the variant by sku or by variantId, one of the two", path=(*item.path, "sku"))


def _variant_key(item: Named, by_sku: dict[str, UUID | None]) -> UUID:
    if item.variant_id is not None:
        return expect_id("Variant", item.variant_id, path=(*item.path, "variantId"))
    found = by_sku[item.sku or ""]
    if found is None:
        raise UnknownVariantError(f"there is no sku {(item.sku or '')[:60]!r}", path=(*item.path, "sku"))
    return found
