"""Sends requests at times that are set before, whether or not earlier ones are answered.

A client that waits for its answer sends less to a service that is slow, and hides what others would meet. Times count
from when a request was due, so that waiting for a free connection is part of them.
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException


@dataclass(frozen=True)
class Request:
    """What is sent."""

    path: str
    body: bytes
    media_type: str = "application/json"
    method: str = "POST"


@dataclass(frozen=True)
class Reply:
    """What came of one request.

    Attributes:
        due_s: when it was to be sent, from the beginning of the run.
        seconds: from then to the end of its answer.
        status: of the answer; 0 where the connection was closed or refused.
    """

    due_s: float
    seconds: float
    status: int


@dataclass(frozen=True)
class Run:
    """What came of all, and the CPU seconds that sending them took."""

    replies: tuple[Reply, ...]
    cpu_s: float

    def with_status(self, *statuses: int) -> list[Reply]:
        """Return the replies with one of these statuses."""
        return [reply for reply in self.replies if reply.status in statuses]


def send(
    port: int,
    requests: Sequence[Request],
    per_s: float,
    seconds: float,
    *,
    connections: int = 64,
    timeout_s: float = 60,
) -> Run:
    """Send requests in turns, evenly spread.

    Args:
        port: of the service on this machine.
        requests: sent again and again.
        per_s: how many in a second.
        seconds: how long.
        connections: most at one time; where all are waiting for answers, requests are sent late, and their time counts.
        timeout_s: of one answer.
    """
    count = round(per_s * seconds)
    order, guard, replies = iter(range(count)), threading.Lock(), list[Reply]()
    before, started = _cpu_s(), time.perf_counter()

    def work() -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=timeout_s)
        while True:
            with guard:
                number = next(order, None)
            if number is None:
                break
            due = number / per_s
            time.sleep(max(0.0, started + due - time.perf_counter()))
            status = _status(connection, requests[number % len(requests)])
            reply = Reply(due, time.perf_counter() - started - due, status)
            with guard:
                replies.append(reply)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(min(connections, count))]
    _run_all(threads)
    return Run(tuple(sorted(replies, key=lambda reply: reply.due_s)), _cpu_s() - before)


def _status(connection: HTTPConnection, request: Request) -> int:
    try:
        connection.request(request.method, request.path, request.body, {"Content-Type": request.media_type})
        response = connection.getresponse()
        response.read()
    except (OSError, HTTPException):
        connection.close()
        return 0
    return response.status


def _run_all(threads: Iterable[threading.Thread]) -> None:
    threads = list(threads)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
