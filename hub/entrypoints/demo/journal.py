"""What a client meant to do and what it was told, on disk before it goes on. Ids only, no personal data."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

INTENT = "INTENT"
TOLD = "TOLD"
REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `kind` is the mutation's name, `key` its idempotency key, `facts` what was meant or told."""

    client: str
    phase: str
    kind: str
    key: str
    facts: dict[str, Any] = field(default_factory=dict)


class Journal:
    """An append-only file; an entry is on the disk when the call returns."""

    def __init__(self, path: Path, client: str) -> None:
        self._client = client
        self._file = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)

    def intend(self, kind: str, key: str, **facts: Any) -> None:
        self._write(INTENT, kind, key, facts)

    def told(self, kind: str, key: str, **facts: Any) -> None:
        self._write(TOLD, kind, key, facts)

    def refused(self, kind: str, key: str, code: str) -> None:
        self._write(REFUSED, kind, key, {"code": code})

    def close(self) -> None:
        os.close(self._file)

    def _write(self, phase: str, kind: str, key: str, facts: dict[str, Any]) -> None:
        line = json.dumps({"client": self._client, "phase": phase, "kind": kind, "key": key, "facts": facts})
        os.write(self._file, line.encode() + b"\n")
        os.fsync(self._file)


def read_journals(directory: Path) -> Iterator[Entry]:
    """Every entry of every client, client by client in its order. A last line cut short was never relied upon."""
    for path in sorted(directory.glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            try:
                yield Entry(**json.loads(line))
            except json.JSONDecodeError:
                break
