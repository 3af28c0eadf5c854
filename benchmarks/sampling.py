"""Reads a value again and again while something else goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def sampled(read: Callable[[], T], every_s: float) -> Iterator[list[T]]:
    """Call a function every so many seconds for the length of the block; give what it returned, in order."""
    over, seen = threading.Event(), list[T]()

    def work() -> None:
        while not over.wait(every_s):
            seen.append(read())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
