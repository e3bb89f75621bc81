"""What `hub check` finds: a promise that the stored data breaks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise.

    `invariant` is the stable name of the promise (snake_case, as the constraint that states it would be called),
    `entity` says which row ("loyalty_lot 0192…", never personal data), `message` what is and what should be.
    """

    invariant: str
    entity: str
    message: str


__all__ = ["Violation"]
