"""Doing two things at once, with a bound on how far one may run ahead of the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(function: Callable[[Item], Result], items: Iterable[Item], *, threads: int, depth: int) -> Iterator[Result]:
    """Yield ``function(item)`` in the order of the items, computed in threads at most ``depth`` items ahead."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > depth:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class Behind:
    """Runs calls one after another in a thread of its own; leaving the ``with`` block waits for all of them.

    A call that failed raises from the next ``do`` or on leaving, and the calls after it are not made.
    """

    def __init__(self, depth: int) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="behind")
        self._pending: deque[Future[None]] = deque()
        self._depth = depth
        self._failed = False

    def do(self, function: Callable[[], None]) -> None:
        """Make a call later; wait while ``depth`` calls are waiting already."""
        while len(self._pending) >= self._depth:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(self._call, function))

    def _call(self, function: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            function()
        except BaseException:
            self._failed = True
            raise

    def __enter__(self) -> Behind:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            while self._pending:
                self._pending.popleft().result()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
