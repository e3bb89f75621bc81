"""Finds adapters by the entry point group `hub.adapters`: a partner's adapter is installed, not merged."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from adapters.sdk.capabilities import Adapter
from hub.kernel.errors import InvalidInputError, UnavailableError

GROUP = "hub.adapters"


class UnknownSystemError(InvalidInputError):
    code = "UNKNOWN_SYSTEM"


class BrokenAdapterError(UnavailableError):
    """An adapter is installed but does not load, or loads as something else."""

    code = "BROKEN_ADAPTER"


def systems() -> tuple[str, ...]:
    """The names of all installed adapters, sorted; loads none of them."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


@cache
def adapter(system: str) -> Adapter:
    """The adapter for a channel system. Raises UnknownSystemError, or BrokenAdapterError."""
    found = tuple(entry_points(group=GROUP, name=system))
    if not found:
        raise UnknownSystemError(
            f"no adapter is installed for {system!r}; installed are: {', '.join(systems()) or 'none'}",
            path=("system",),
        )
    return _load(found[0])


def adapters() -> dict[str, Adapter]:
    """Every installed adapter by system. Raises BrokenAdapterError for the first that does not load."""
    return {system: adapter(system) for system in systems()}


def _load(point: EntryPoint) -> Adapter:
    try:
        loaded = point.load()
    except (ImportError, AttributeError) as error:
        raise BrokenAdapterError(f"adapter {point.name!r} ({point.value}) does not load: {error}") from error
    system = getattr(loaded, "system", None)
    if system != point.name:
        raise BrokenAdapterError(f"{point.value} is registered as {point.name!r} but is for system {system!r}")
    return cast("Adapter", loaded)
