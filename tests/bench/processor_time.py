"""CPU time of process trees, read from /proc. What ended children used is counted with their parent."""

import os
from pathlib import Path

import psutil

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM = 11, 12, 13, 14


def tree_seconds(pid: int) -> float:
    """User and system seconds of `pid`, its living descendants and the children they have reaped."""
    root = psutil.Process(pid)
    return sum(_seconds(each.pid) for each in (root, *root.children(recursive=True)))


def _seconds(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        # It ended in between: its parent's own count of reaped children has it by now.
        return 0.0
    fields = text.rpartition(")")[2].split()
    ticks = sum(int(fields[index]) for index in (_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM))
    return ticks / _TICKS_PER_SECOND
