"""Bounded waiting: a request that could not be answered in time is refused at once, so that the others can be.

A worker that takes 20 ms a request, asked ten times what it can do: with an unbounded queue no answer arrives in time,
with 16 waiting places and 503 for the rest 49 of 50 possible ones do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from models.errors import SemblanceError

T = TypeVar("T")


class OverloadedError(SemblanceError):
    """As many requests as may wait are waiting."""


class ClientGoneError(SemblanceError):
    """The client hung up before its answer was ready."""


class Admission:
    """Counts the requests that run or wait for one resource; used on the event loop only, so it needs no lock."""

    def __init__(self, name: str, limit: int, on_refusal: Callable[[str], None] = lambda _name: None) -> None:
        self.name = name
        self.limit = limit
        self.admitted = 0
        self._on_refusal = on_refusal

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold one place for the length of the block.

        Raises:
            OverloadedError: all places are taken.
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
    """Run ``work`` and cancel it when ``disconnected`` returns first, so that nothing is computed for nobody.

    Raises:
        ClientGoneError: the client hung up.
    """
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(disconnected)
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGoneError("The client hung up.")
    finally:
        gone.cancel()
        if working.cancel():  # what it holds is let go before this returns
            await asyncio.gather(working, return_exceptions=True)
