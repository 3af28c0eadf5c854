"""Looks at the processes that a test has started."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def children() -> set[int]:
    """Return the processes that this one started and that have not ended."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has ended meanwhile
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def at_work(others: set[int]) -> set[int]:
    """Return the new processes that have used a processor for longer than their start takes."""
    found = set()
    for pid in children() - others:
        with suppress(FileNotFoundError):
            used = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
            found |= {pid} if used >= os.sysconf("SC_CLK_TCK") else set()
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
