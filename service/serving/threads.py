"""Runs blocking work in a thread, so that the event loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def run_in(pool: Executor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``work`` in a pool's thread.

    If the caller is cancelled, work that has not started is not run; for work that runs, the caller waits until it has
    ended, so that what the work uses (a pinned generation) is not released under it.
    """
    job = pool.submit(work, *args, **kwargs)
    running = asyncio.wrap_future(job)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if not job.cancel():
            await asyncio.wait((running,))
            if not running.cancelled():
                running.exception()  # retrieved, or asyncio logs that nobody did
        raise
