"""Levels and units at them: the nouns that every claim on stock is made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

NO_LOCATION = UUID(int=0)
"""Names the pool as a whole where a shortfall has no single location."""


class LevelKey(NamedTuple):
    """Sorts in lock order."""

    variant_id: UUID
    location_id: UUID


class Units(NamedTuple):
    """A positive number of units at one level."""

    key: LevelKey
    quantity: int


@dataclass(frozen=True, slots=True)
class Listed:
    """Units wanted at the first of several locations that has them all; else spread over them in that order."""

    variant_id: UUID
    quantity: int
    location_ids: tuple[UUID, ...]

    @property
    def keys(self) -> list[LevelKey]:
        return [LevelKey(self.variant_id, location_id) for location_id in self.location_ids]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """`available` of the `requested` units could be had; `NO_LOCATION`: in the whole pool."""

    key: LevelKey
    requested: int
    available: int


def summed(units: Iterable[Units]) -> dict[LevelKey, int]:
    """Demand per level, in lock order; the same level named twice is one demand."""
    listed = list(units)
    if len(listed) == 1:
        return dict(listed)
    total: dict[LevelKey, int] = {}
    for key, quantity in sorted(listed):
        total[key] = total.get(key, 0) + quantity
    return total


def spread(quantity: int, free: Sequence[tuple[LevelKey, int]]) -> list[Units]:
    """The first level that has them all; else as many as there are, in the given order."""
    for key, units in free:
        if units >= quantity > 0:
            return [Units(key, quantity)]
    chosen, left = [], quantity
    for key, units in free:
        given = min(left, units)
        if given > 0:
            chosen.append(Units(key, given))
            left -= given
    return chosen


def per_variant(units: Iterable[Units]) -> dict[UUID, int]:
    """Units per variant, wherever they are."""
    total: dict[UUID, int] = {}
    for key, quantity in units:
        total[key.variant_id] = total.get(key.variant_id, 0) + quantity
    return total
