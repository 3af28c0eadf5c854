"""Limits how fast the bodies of all requests together are read, so that searches are answered beside large uploads.

To take in bytes costs the event loop time, those of a refused upload too: clients that send as fast as a local network
allows would keep it from everything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from uvicorn.protocols.http.flow_control import FlowControl

_BURST_S = 0.05
"""What may come at once after a pause, in seconds at the pace."""


class Pace:
    """A pace that several readers keep together.

    Args:
        bytes_per_s: of all of them.
        clock: tells the time in seconds.
    """

    def __init__(self, bytes_per_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._due = float("-inf")

    def wait_after(self, size: int) -> float:
        """Return how many seconds the one that has read so many bytes is to wait before it reads on."""
        now = self._clock()
        self._due = max(self._due, now - _BURST_S) + size / self._bytes_per_s
        return max(0.0, self._due - now)


class PacedFlow(FlowControl):
    """uvicorn's flow control with a second reason to read nothing for a while: either is enough."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(transport)
        self._loop = loop
        self._waiting: asyncio.TimerHandle | None = None

    def wait(self, seconds: float) -> None:
        """Read nothing for so long; of several waits that overlap the first counts."""
        if self._waiting is not None or self._transport.is_closing():
            return
        if not self.read_paused:
            self._transport.pause_reading()
        self._waiting = self._loop.call_later(seconds, self._go_on)

    def close(self) -> None:
        """Forget a wait: the connection is lost."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def pause_reading(self) -> None:
        """Read nothing until ``resume_reading``."""
        if self._waiting is None:
            super().pause_reading()
        self.read_paused = True

    def resume_reading(self) -> None:
        """Read on, if no wait is left."""
        if self._waiting is None:
            super().resume_reading()
        self.read_paused = False

    def _go_on(self) -> None:
        self._waiting = None
        if not self.read_paused and not self._transport.is_closing():
            self._transport.resume_reading()
