"""A limit of requests in time: a bucket that holds a minute's tokens and is refilled all the while."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic

from models.errors import SemblanceError


class TooManyRequestsError(SemblanceError):
    """More requests came in a minute than may."""

    def __init__(self, per_minute: int, retry_after_s: int) -> None:
        super().__init__(f"This key may make {per_minute:,} requests a minute; try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


class TokenBucket:
    """Lets so many requests pass at once, and as many a minute in the long run.

    Args:
        per_minute: requests.
        clock: tells the time in seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._tokens = float(per_minute)
        self._filled_at = clock()

    def take(self) -> None:
        """Let one request pass.

        Raises:
            TooManyRequestsError: there are no tokens; it tells in how many seconds there is one.
        """
        now, a_second = self._clock(), self._per_minute / 60
        self._tokens = min(self._per_minute, self._tokens + (now - self._filled_at) * a_second)
        self._filled_at = now
        if self._tokens < 1:
            raise TooManyRequestsError(self._per_minute, math.ceil((1 - self._tokens) / a_second))
        self._tokens -= 1
