"""Admission control: a request that could not be answered in time is refused at once, so that others are answered.

With a worker that takes 20 ms a request and ten times the load that it can take, an unbounded queue answers nobody in
time; with a bound and 503 for all others, 49 of the 50 requests that the worker can take in a second are answered. The
bound is one of time: how many places that is depends on the machine and on what is asked, so it is measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

from models.errors import SemblanceError
from models.inference.execution import available_cores
from service.serving.threads import ExpiredError, OverloadedError, begin_by

T = TypeVar("T")

_RECENT = 1 / 64
"""The weight of one answer in the mean time between two."""

_PLACES_PER_CORE = 2
"""So many are admitted whatever the time between answers was: it is measured again while they are answered."""


class ClientGoneError(SemblanceError):
    """The client hung up before its answer was ready."""


class Admission:
    """Limits how many requests run or wait for one resource, and how long; only the event loop's thread uses it.

    Args:
        name: of what is waited for, in the plural.
        limit: requests that run or wait, however quick the service is.
        on_refusal: told the name with each request that is refused.
        max_wait_s: a request that is expected to wait for longer is refused at once.
        begin_within_s: work of a request that has not begun by then is dropped.
        clock: tells the time in seconds.
    """

    def __init__(
        self,
        name: str,
        limit: int,
        on_refusal: Callable[[str], None] = lambda _name: None,
        *,
        max_wait_s: float = float("inf"),
        begin_within_s: float = float("inf"),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self.limit = limit
        self.admitted = 0
        self._on_refusal = on_refusal
        self._max_wait_s = max_wait_s
        self._begin_within_s = begin_within_s
        self._clock = clock
        self._at_least = _PLACES_PER_CORE * available_cores()
        self._between_s = 0.0
        self._last_s: float | None = None

    @property
    def expected_wait_s(self) -> float:
        """The seconds that those who are here already will take, as quickly as the last ones were answered."""
        return self.admitted * self._between_s

    def check(self) -> None:
        """Refuse a request before anything is done for it, where ``admit`` would.

        Raises:
            OverloadedError: as many requests as may run or wait are here, or they will take too long.
        """
        in_time = self.admitted < self._at_least or self.expected_wait_s <= self._max_wait_s
        if self.admitted < self.limit and in_time:
            return
        self._on_refusal(self.name)
        raise OverloadedError(f"The service is busy: {self.admitted} {self.name} are running or waiting already.")

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Count one more request for the length of the block, and have its work dropped that does not begin in time.

        Raises:
            OverloadedError: see ``check``; or the work in the block was dropped.
        """
        self.check()
        self.admitted += 1
        try:
            with begin_by(self._clock() + self._begin_within_s):
                yield
        except ExpiredError:
            self._on_refusal(self.name)
            raise
        else:
            self._measure()
        finally:
            self.admitted -= 1

    def _measure(self) -> None:
        """Take the time since the last answer into account, if others waited all the while: else it is idle time."""
        now = self._clock()
        if self._last_s is not None:
            self._between_s += (now - self._last_s - self._between_s) * _RECENT
        self._last_s = now if self.admitted > 2 else None  # this one, and at least two that wait


@dataclass(frozen=True)
class Bounds:
    """One bound for each kind of request, so that none keeps the others from being answered."""

    searches: Admission
    uploads: Admission
    explanations: Admission
    captions: Admission
    thumbnails: Admission


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
