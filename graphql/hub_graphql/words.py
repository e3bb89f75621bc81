"""Closed word lists as the API shows them."""

from collections.abc import Iterable
from enum import Enum
from typing import TypeVar

E = TypeVar("E", bound=Enum)

MAX_INT = 2**31 - 1
"""The largest GraphQL Int. Sums of quantities beyond it are shown as it."""


def known(kind: type[E], word: str | None) -> E | None:
    """The member that `word` names; None for a word that this version does not know."""
    return kind.__members__.get(word) if word is not None else None


def known_among(kind: type[E], words: Iterable[str]) -> list[E]:
    """The members that `words` name, without those that this version does not know."""
    return [kind.__members__[word] for word in words if word in kind.__members__]


def shown(quantity: int) -> int:
    """A quantity as a GraphQL Int can hold it."""
    return max(-MAX_INT, min(quantity, MAX_INT))
