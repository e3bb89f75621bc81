"""What bundles are made of, set by staff and catalog systems."""

from typing import Annotated
from uuid import UUID

import strawberry

from hub import inventory
from hub.kernel.principal import Scope
from hub.kernel.quantity import positive_quantity
from hub_graphql.context import Info, RequestContext
from hub_graphql.fields import mutation
from hub_graphql.keyed import settle
from hub_graphql.naming import Named, UnitsInput, VariantInput, variant_keys
from hub_graphql.payloads import KeyedInput, KeyedPayload
from hub_graphql.permissions import require_scope
from hub_graphql.products import Variant, load_variant
from routing import Part


@strawberry.input(description="Units of a variant within one unit of a bundle, 1 to 1,000.")
class BundleComponentInput(UnitsInput):
    pass


@strawberry.input(description="What a bundle is made of from now on.")
class BundleComponentsSetInput(KeyedInput, VariantInput):
    components: list[BundleComponentInput] = strawberry.field(
        description="Up to 50, else TOO_MANY_LINES; each variant once. Empty: it is no bundle any more."
    )


@strawberry.type(description="What came of setting a bundle's components.")
class BundleComponentsSetPayload(KeyedPayload):
    variant: Variant | None = strawberry.field(description="The bundle as it is now; null if refused.")


Input = Annotated[BundleComponentsSetInput, strawberry.argument(description="Which bundle, and its components.")]


@strawberry.type
class BundleMutation:
    @mutation(
        "Says what one unit of a bundle is made of. Orders keep what it was made of when they came. Errors: "
        "UNKNOWN_SKU, INVALID_QUANTITY, TOO_MANY_LINES, BUNDLE_NESTED, BUNDLE_HOLDS_STOCK, STOCK_NOT_TRACKED.",
        require_scope(Scope.CATALOG_WRITE),
    )
    async def bundle_components_set(self, info: Info, input: Input) -> BundleComponentsSetPayload:  # noqa: A002
        async def prepare(context: RequestContext) -> inventory.SetComponents:
            named = [Named(input.sku, input.variant_id)]
            for number, item in enumerate(input.components):
                named.append(Named(item.sku, item.variant_id, ("components", str(number))))
            bundle_id, *parts = await variant_keys(context, named)
            return inventory.SetComponents(
                bundle_id,
                tuple(
                    Part(variant_id, positive_quantity(item.quantity, path=("components", str(number), "quantity")))
                    for number, (variant_id, item) in enumerate(zip(parts, input.components, strict=True))
                ),
            )

        settled = await settle(
            info,
            prepare,
            lambda database, command: inventory.set_components(
                database, info.context.principal, command, idempotency_key=input.idempotency_key
            ),
        )
        if settled.outcome is None:
            return BundleComponentsSetPayload(settled=settled, variant=None)
        key = UUID(settled.outcome["bundle_id"])
        return BundleComponentsSetPayload(settled=settled, variant=await load_variant(info.context, key))
