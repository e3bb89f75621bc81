"""How a channel counts and takes stock, where that differs between systems."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class StockTraits:
    per_location: bool = False
    """The channel keeps a count per place: stock calls need `ListingRef.external_location_id`."""
    compares: bool = False
    """`publish_stock` is a compare-and-set: a wrong `StockUpdate.observed` answers CONFLICT and writes nothing."""


@runtime_checkable
class DescribesStock(Protocol):
    """Connections that differ from the default say so; the others need not."""

    @property
    def stock_traits(self) -> StockTraits: ...


def stock_traits(connection: object) -> StockTraits:
    """What the connection says of itself, else the default: one number per listing, written blindly."""
    return connection.stock_traits if isinstance(connection, DescribesStock) else StockTraits()
