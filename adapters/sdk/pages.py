"""Pages whose misfits are set aside: one order that cannot be read must not stop all that come after it."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from adapters.sdk.errors import ContractBroken
from adapters.sdk.reading import Reader
from adapters.sdk.types import Page, Unreadable

T = TypeVar("T")


def readable_page(entries: Iterable[Reader], read: Callable[[Reader], T], next_cursor: str | None) -> Page[T]:
    """The entries that `read` accepts; those that raise ContractBroken are named in `unreadable`.

    An entry without an id cannot be parked by it: then the whole page raises ContractBroken.
    """
    items: list[T] = []
    unreadable: list[Unreadable] = []
    for entry in entries:
        try:
            items.append(read(entry))
        except ContractBroken as error:
            unreadable.append(Unreadable(entry.identifier("id"), error.reason, error.path))
    return Page(tuple(items), next_cursor, tuple(unreadable))
