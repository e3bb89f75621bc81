"""Field decorators of the house: Strawberry's, with the description, scope and cost said up front.

@field("The variant with this sku.", require_scope(Scope.CATALOG_READ))
async def variant(self, info: Info, sku: Sku) -> Variant | None: ...

@mutation("Claims units for a while.", require_scope(Scope.RESERVATIONS_WRITE))
@subscription("Tells each change of a level.", require_scope(Scope.STOCK_READ))
"""

from collections.abc import Callable, Mapping
from typing import Any

import strawberry

Resolver = Callable[..., Any]
Metadata = Mapping[str, Any]


def field(
    description: str, *metadata: Metadata, deprecation_reason: str | None = None, name: str | None = None
) -> Callable[[Resolver], Any]:
    """A resolved field. `metadata` is what `require_scope`, `any_principal` and `cost` give."""
    made: Callable[[Resolver], Any] = strawberry.field(
        description=description,
        metadata=_joined(metadata),
        deprecation_reason=deprecation_reason,
        name=name,
    )
    return made


def mutation(
    description: str, *metadata: Metadata, deprecation_reason: str | None = None, name: str | None = None
) -> Callable[[Resolver], Any]:
    made: Callable[[Resolver], Any] = strawberry.mutation(
        description=description,
        metadata=_joined(metadata),
        deprecation_reason=deprecation_reason,
        name=name,
    )
    return made


def subscription(
    description: str, *metadata: Metadata, deprecation_reason: str | None = None, name: str | None = None
) -> Callable[[Resolver], Any]:
    """A field whose resolver is an async generator. It reads by `info.context.read`, one session per read."""
    made: Callable[[Resolver], Any] = strawberry.subscription(
        description=description,
        metadata=_joined(metadata),
        deprecation_reason=deprecation_reason,
        name=name,
    )
    return made


def _joined(parts: tuple[Metadata, ...]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}
