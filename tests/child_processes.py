"""Looks at the processes that a test has started."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def children() -> set[int]:
    """Return the processes that this one started and that have not ended."""
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def at_work(others: set[int]) -> set[int]:
    """Return the new processes that have used a processor for longer than their start takes."""
    used = {pid: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in children() - others}
    return {pid for pid, fields in used.items() if int(fields[11]) >= os.sysconf("SC_CLK_TCK")}


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
