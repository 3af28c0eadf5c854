"""Runs blocking work beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def run_in(pool: Executor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``work`` in a pool's thread.

    A cancelled caller's work is not started; if it already runs, the caller waits for its end, so that nothing it
    uses (a pinned generation) is let go before.
    """
    job = pool.submit(work, *args, **kwargs)
    running = asyncio.wrap_future(job)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if not job.cancel():
            await asyncio.wait((running,))
            if not running.cancelled():
                running.exception()  # seen: nobody is left to care
        raise
