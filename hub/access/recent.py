"""What was looked up a moment ago, so that a busy caller does not cost a query per request."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class RecentlySeen(Generic[Value]):
    """A bounded memory that forgets each entry after its own seconds, and the oldest when it is full.

    `clock` is monotonic: it measures how long ago, it does not decide what time it is.
    """

    def __init__(self, *, capacity: int, clock: Callable[[], float]) -> None:
        self._capacity = capacity
        self._clock = clock
        self._entries: OrderedDict[bytes, tuple[float, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> Value | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        forget_at, value = entry
        if self._clock() >= forget_at:
            del self._entries[key]
            return None
        return value

    def put(self, key: bytes, value: Value, seconds: float, *, since: float) -> None:
        """Remember `value`, true at `since`, for so many seconds after it."""
        self._entries.pop(key, None)
        if len(self._entries) >= self._capacity:
            self._entries.popitem(last=False)
        self._entries[key] = (since + seconds, value)

    def drop(self, key: bytes) -> None:
        self._entries.pop(key, None)

    def clear(self) -> None:
        self._entries.clear()
