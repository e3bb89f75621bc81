"""Keyed mutations: look up what the input names, let the feature decide once per key, tell what came of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid5

import hub_graphql.error_details  # noqa: F401 (registers what refusals have to tell)
from hub.infra.database import Database
from hub.infra.idempotency import Answer
from hub.kernel.errors import ErrorKind, HubError
from hub.kernel.principal import Principal
from hub_graphql.context import Info, RequestContext
from hub_graphql.errors import Error, described_error
from hub_graphql.errors import Warning as Advice

T = TypeVar("T")
_INPUT = "input"


@dataclass(frozen=True, slots=True)
class Settled:
    """What a keyed mutation came to: an outcome, perhaps with warnings, or the errors of its payload."""

    outcome: Mapping[str, Any] | None
    replayed: bool
    errors: list[Error]
    warnings: list[Advice] = field(default_factory=list)


async def settle(
    info: Info, prepare: Callable[[RequestContext], Awaitable[T]], run: Callable[[Database, T], Awaitable[Answer]]
) -> Settled:
    """`prepare` reads what the input names; `run` is the feature's keyed mutation, in its own transaction.

    Refusals become payload errors; missing permission is raised on, to become a top-level error. The response's
    `extensions.idempotency` says for each root field whether its answer was given before.
    """
    context = info.context
    await context.refresh()
    answer: Answer | None = None
    try:
        command = await prepare(context)
        # One connection must be enough for any document: the read session is given back before the write.
        await context.refresh()
        answer = await run(context.database, command)
        _note(info, replayed=answer.replayed)
        outcome = answer.unwrap()
    except HubError as error:
        if error.kind is ErrorKind.DENIED:
            raise
        return Settled(None, bool(answer and answer.replayed), [await _told(context, error)])
    finally:
        await context.refresh()
    return Settled(outcome, answer.replayed, [])


def derived_id(principal: Principal, idempotency_key: str) -> UUID:
    """An id for what a keyed mutation makes that is the same on every replay."""
    return uuid5(principal.id, idempotency_key)


def _note(info: Info, *, replayed: bool) -> None:
    fields = info.context.extensions.setdefault("idempotency", {})
    fields[str(info.path.key)] = {"replayed": replayed}


async def _told(context: RequestContext, error: HubError) -> Error:
    if error.path and error.path[0] != _INPUT:
        error.path = (_INPUT, *error.path)
    return await described_error(context, error)
