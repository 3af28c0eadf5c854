"""Where the log is written: a line that cannot be written is lost, and the service goes on.

The disk may be full, the reader of a pipe gone, or alive and asleep, so that writing would wait for ever.
"""

from __future__ import annotations

import os
import select
from contextlib import suppress
from typing import TextIO

_PIPE_BUFFER = 4096
"""A pipe that can be written to takes so many bytes at once (``PIPE_BUF`` of Linux)."""


def occupy_standard_descriptors() -> None:
    """Open what the process was started without, of 0, 1 and 2.

    The next file or socket would take the number, and get what a library prints.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


class LossyStream:
    """A text stream that raises nothing and waits for nobody.

    Args:
        stream: where the text goes; None where the process was started without one.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._descriptor = _descriptor_of(stream)
        self._ready = None
        if self._descriptor is not None and hasattr(select, "poll"):
            self._ready = select.poll()
            self._ready.register(self._descriptor, select.POLLOUT)

    def write(self, text: str) -> int:
        """Write what can be written now."""
        with suppress(OSError, ValueError):  # the latter where the stream is closed
            if self._descriptor is not None:
                self._write(self._descriptor, text.encode("utf-8", "backslashreplace"))
            elif self._stream is not None:
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what the stream holds back; the descriptor itself holds nothing."""
        if self._descriptor is None and self._stream is not None:
            with suppress(OSError, ValueError):
                self._stream.flush()

    def _write(self, descriptor: int, line: bytes) -> None:
        for start in range(0, len(line), _PIPE_BUFFER):
            if self._ready is not None and not self._ready.poll(0):
                return
            os.write(descriptor, line[start : start + _PIPE_BUFFER])


def _descriptor_of(stream: TextIO | None) -> int | None:
    """Return what a stream of the system writes to; None of one in memory."""
    if stream is None:
        return None
    with suppress(OSError, ValueError):
        stream.flush()
        return stream.fileno()
    return None
