"""Passwords: Argon2id (RFC 9106), off the event loop, a few at a time."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from hub.access.errors import LoginBusyError

MAX_CONCURRENT: Final = 4
"""Each takes 64 MiB and a core for a moment: more at once would starve the rest of the server."""
MAX_WAITING: Final = 32

_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4, type=Type.ID)


class PasswordVault:
    """Hashes and verifies, at most `MAX_CONCURRENT` at a time; further callers wait, too many are refused."""

    def __init__(self, hasher: PasswordHasher = _HASHER) -> None:
        self._hasher = hasher
        self._slots = asyncio.Semaphore(MAX_CONCURRENT)
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The encoded Argon2id hash. Raises LoginBusyError."""
        async with self._slot():
            return await asyncio.to_thread(self._hasher.hash, _normalised(password))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password is right. Without a hash the answer is no, after just as much work.

        Raises LoginBusyError.
        """
        async with self._slot():
            return await asyncio.to_thread(self._verify, encoded, _normalised(password))

    def is_outdated(self, encoded: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    def _verify(self, encoded: str | None, password: bytes) -> bool:
        if self._nobody is None:
            self._nobody = self._hasher.hash(b"nobody's password")
        try:
            self._hasher.verify(encoded or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return encoded is not None

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._waiting >= MAX_WAITING:
            raise LoginBusyError("too many people are logging in at once; try again", retry_after_seconds=2)
        self._waiting += 1
        try:
            async with self._slots:
                yield
        finally:
            self._waiting -= 1


def _normalised(password: str) -> bytes:
    """One spelling of what looks the same, whichever keyboard typed it."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
