"""Sends requests at times that are set before, whether or not earlier ones are answered.

A client that waits for its answer sends less to a service that is slow, and hides what others would meet. Times count
from when a request was due, so that waiting for a free connection is part of them. The generator shares the service's
processors: it is one event loop and a parser in C, a fifth of what ``http.client`` takes.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httptools
import uvloop


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


class Connection(asyncio.Protocol):
    """A connection that is kept, and opened again where it was closed; one request at a time."""

    def __init__(self, port: int, timeout_s: float) -> None:
        self._port, self._timeout_s = port, timeout_s
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._status: asyncio.Future[int] | None = None

    async def ask(self, request: Request) -> int:
        """Return the status of the answer when the whole of it has come; 0 where none did."""
        loop = asyncio.get_running_loop()
        self._status = loop.create_future()
        late = loop.call_later(self._timeout_s, self._end)
        try:
            if self._transport is None:
                transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", self._port)
                self._transport, self._parser = transport, httptools.HttpResponseParser(self)
            self._transport.writelines((_head(request, self._port), request.body))
            return await self._status
        except OSError:
            return 0
        finally:
            late.cancel()

    def close(self) -> None:
        """Close it; the next request would open it again."""
        if self._transport:
            self._transport.abort()
            self._transport = None

    def data_received(self, data: bytes) -> None:  # noqa: D102 - of the protocol
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002, D102 - of the protocol
        self._end()

    def on_message_complete(self) -> None:  # noqa: D102 - of the parser
        if not self._parser.should_keep_alive():
            self.close()
        self._tell(self._parser.get_status_code())

    def _end(self) -> None:
        self.close()
        self._tell(0)

    def _tell(self, status: int) -> None:
        if self._status and not self._status.done():
            self._status.set_result(status)


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
    before = _cpu_s()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        replies = runner.run(_send(port, requests, per_s, round(per_s * seconds), connections, timeout_s))
    return Run(tuple(sorted(replies, key=lambda reply: reply.due_s)), _cpu_s() - before)


async def _send(
    port: int, requests: Sequence[Request], per_s: float, count: int, connections: int, timeout_s: float
) -> list[Reply]:
    order, replies, started = iter(range(count)), list[Reply](), time.perf_counter()

    async def work() -> None:
        connection = Connection(port, timeout_s)
        for number in order:
            due = number / per_s
            await asyncio.sleep(max(0.0, started + due - time.perf_counter()))
            status = await connection.ask(requests[number % len(requests)])
            replies.append(Reply(due, time.perf_counter() - started - due, status))
        connection.close()

    await asyncio.gather(*(work() for _ in range(min(connections, count))))
    return replies


def _head(request: Request, port: int) -> bytes:
    return (
        f"{request.method} {request.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: {request.media_type}\r\nContent-Length: {len(request.body)}\r\n\r\n"
    ).encode()


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
