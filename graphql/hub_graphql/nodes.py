"""`node(id:)`: any object with a global id, found by the loader that its feature registered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import strawberry

from hub.kernel.principal import Scope
from hub_graphql.context import Info, RequestContext
from hub_graphql.fields import field
from hub_graphql.ids import GlobalIdError, parse_global_id
from hub_graphql.permissions import Need, any_principal, authorise


@strawberry.interface(description="An object with an id that is unique among all objects of the hub.")
class Node:
    id: strawberry.ID = strawberry.field(description="The global id. Opaque: pass it back as received.")


Load = Callable[[RequestContext, UUID], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class _Registered:
    load: Load
    scopes: tuple[Scope, ...]


_registry: dict[str, _Registered] = {}


def register_node(type_name: str, load: Load, *scopes: Scope) -> None:
    """Make `type_name` reachable by `node(id:)` for holders of one of `scopes`.

    `load(context, key)` gives the object, or None when it does not exist or the caller may not see it.
    """
    if not scopes:
        raise ValueError(f"{type_name} needs at least one scope: nothing is open by default")
    _registry[type_name] = _Registered(load, scopes)


def registered_nodes() -> frozenset[str]:
    return frozenset(_registry)


async def find_node(context: RequestContext, text: str) -> Any:
    """The object with this global id, or None. Raises GlobalIdError when no such id can exist."""
    type_name, key = parse_global_id(text)
    registered = _registry.get(type_name)
    if registered is None:
        raise GlobalIdError(f"no object of type {type_name[:40]!r} can be asked for by id", path=("id",))
    authorise(context.principal, (Need(f"node of type {type_name}", registered.scopes),))
    return await registered.load(context, key)


@strawberry.type
class NodeQuery:
    """Inherit the schema's Query from this."""

    @field(
        "The object with this global id; null when it does not exist for this caller. Errors: INVALID_ID.",
        any_principal(),
    )
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The global id.")],  # noqa: A002
    ) -> Node | None:
        found: Node | None = await find_node(info.context, id)
        return found
