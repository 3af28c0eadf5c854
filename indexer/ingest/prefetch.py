"""Computes results in threads before they are asked for, and keeps their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int, depth: int
) -> Iterator[Result]:
    """Yield ``function(item)`` in the order of the items.

    Args:
        function: called in threads, for several items at once.
        items: taken one by one in the caller's thread, never more than ``depth`` beyond the result that is yielded.
        threads: how many calls are made at once.
        depth: how many results may be computed or waiting beyond the one that is yielded; with it memory is bounded.

    Raises:
        BaseException: what a call raised, in place of its result; calls that have not begun are not made any more.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="prefetch")
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
