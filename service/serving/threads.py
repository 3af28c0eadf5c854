"""Waits on the event loop for work that threads do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def run_in(pool: Executor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``work`` in a pool's thread, see ``result_of``."""
    return await result_of(pool.submit(work, *args, **kwargs))


async def result_of(job: Future[T]) -> T:
    """Wait for a job of another thread.

    If the caller is cancelled, a job that has not started is not run; for one that runs, the caller waits until it has
    ended, so that what the job uses (a pinned generation) is not released under it.
    """
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def tell() -> None:
        if not ended.done():
            ended.set_result(None)

    job.add_done_callback(lambda _job: loop.call_soon_threadsafe(tell))
    try:
        await ended  # asyncio.wrap_future and asyncio.shield take the loop three rounds more
    except asyncio.CancelledError:
        if not job.cancel():
            await asyncio.gather(asyncio.wrap_future(job), return_exceptions=True)
        raise
    return job.result()
