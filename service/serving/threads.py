"""Waits on the event loop for work that threads do, and drops what has not begun when it is too late for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import ParamSpec, TypeVar

from models.errors import SemblanceError

P = ParamSpec("P")
T = TypeVar("T")

_begin_by: ContextVar[float] = ContextVar("begin_by", default=float("inf"))


class OverloadedError(SemblanceError):
    """As many requests as are allowed run or wait already."""


class ExpiredError(OverloadedError):
    """The work had not begun when it was too late for it."""

    def __init__(self) -> None:
        super().__init__("The service is busy: the request waited for too long and was dropped.")


@contextmanager
def begin_by(deadline: float) -> Iterator[None]:
    """Drop the jobs of the block that have not begun at a time of ``time.monotonic``."""
    token = _begin_by.set(deadline)
    try:
        yield
    finally:
        _begin_by.reset(token)


async def run_in(pool: Executor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``work`` in a pool's thread, see ``result_of``."""
    return await result_of(pool.submit(work, *args, **kwargs))


async def result_of(job: Future[T]) -> T:
    """Wait for a job of another thread.

    If the caller is cancelled, a job that has not started is not run; for one that runs, the caller waits until it has
    ended, so that what the job uses (a pinned generation) is not released under it.

    Raises:
        ExpiredError: the job had not begun at the time that ``begin_by`` set, and is not run.
    """
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def tell() -> None:
        if not ended.done():
            ended.set_result(None)

    job.add_done_callback(lambda _job: loop.call_soon_threadsafe(tell))

    def expire() -> None:
        if not job.running():
            job.cancel()

    left_s = _begin_by.get() - monotonic()
    expiring = None if left_s == float("inf") else loop.call_later(max(left_s, 0), expire)
    try:
        await ended  # asyncio.wrap_future and asyncio.shield take the loop three rounds more
    except asyncio.CancelledError:
        if not job.cancel():
            await asyncio.gather(asyncio.wrap_future(job), return_exceptions=True)
        raise
    finally:
        if expiring is not None:
            expiring.cancel()
    if job.cancelled():
        raise ExpiredError
    return job.result()
