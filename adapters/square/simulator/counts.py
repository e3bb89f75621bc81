"""How Square counts: the last physical count plus what happened after it, by the instants clients state."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Tally:
    """One variation at one location."""

    counted: int = 0
    counted_at: datetime = _NEVER
    moves: list[tuple[datetime, int]] = field(default_factory=list)
    """Sales and returns later than the count."""

    @property
    def quantity(self) -> int:
        return self.counted + sum(change for _, change in self.moves)

    def count(self, quantity: int, at: datetime) -> None:
        """An older count than the one known arrives too late to matter."""
        if at < self.counted_at:
            return
        self.counted, self.counted_at = quantity, at
        self.moves = [move for move in self.moves if move[0] > at]

    def move(self, change: int, at: datetime) -> None:
        if at > self.counted_at:
            self.moves.append((at, change))
