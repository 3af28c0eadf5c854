"""Bounds the bytes that work may take at one time, first come, first served."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ByteBudget:
    """Bytes that are shared by threads.

    Args:
        total_bytes: that may be taken at one time; what needs more takes all of it, alone.
    """

    def __init__(self, total_bytes: int) -> None:
        self._total = self._free = total_bytes
        self._changed = threading.Condition()
        self._next_ticket = self._turn = 0

    @property
    def waiting(self) -> int:
        """How many wait for their bytes."""
        with self._changed:
            return self._next_ticket - self._turn

    @contextmanager
    def take(self, needed: int) -> Iterator[None]:
        """Hold bytes for the length of the block, once they are free and everybody who came before has theirs."""
        needed = min(needed, self._total)
        with self._changed:
            ticket, self._next_ticket = self._next_ticket, self._next_ticket + 1
            self._changed.wait_for(lambda: ticket == self._turn and needed <= self._free)
            self._turn += 1
            self._free -= needed
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += needed
                self._changed.notify_all()
