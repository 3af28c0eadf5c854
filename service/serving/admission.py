"""Admission control: a request that could not be answered in time is refused at once, so that others are answered.

With a worker that takes 20 ms a request and ten times the load that it can take, an unbounded queue answers nobody in
time; with 16 places and 503 for all others, 49 of the 50 requests that the worker can take in a second are answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from models.errors import SemblanceError

T = TypeVar("T")


class OverloadedError(SemblanceError):
    """As many requests as are allowed run or wait already."""


class ClientGoneError(SemblanceError):
    """The client hung up before its answer was ready."""


class Admission:
    """Limits how many requests run or wait for one resource; only the event loop's thread uses it, without a lock."""

    def __init__(self, name: str, limit: int, on_refusal: Callable[[str], None] = lambda _name: None) -> None:
        self.name = name
        self.limit = limit
        self.admitted = 0
        self._on_refusal = on_refusal

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Count one more request for the length of the block.

        Raises:
            OverloadedError: the limit is reached.
        """
        if self.admitted >= self.limit:
            self._on_refusal(self.name)
            raise OverloadedError(f"The service is busy: {self.limit} {self.name} are running or waiting already.")
        self.admitted += 1
        try:
            yield
        finally:
            self.admitted -= 1


async def while_connected(disconnected: Coroutine[Any, Any, None], work: Coroutine[Any, Any, T]) -> T:
    """Run ``work``, and cancel it if ``disconnected`` returns first: nobody would read the result.

    Raises:
        ClientGoneError: the client hung up.
    """
    task, gone = asyncio.current_task(), asyncio.ensure_future(disconnected)
    assert task is not None  # noqa: S101 - a coroutine is run by a task
    given_up = False

    def give_up(gone: asyncio.Future[None]) -> None:
        nonlocal given_up
        if not gone.cancelled():
            given_up = True
            task.cancel()

    gone.add_done_callback(give_up)
    try:
        return await work
    except asyncio.CancelledError:
        if given_up and not task.uncancel():
            raise ClientGoneError("The client hung up.") from None
        raise
    finally:
        gone.remove_done_callback(give_up)
        gone.cancel()
