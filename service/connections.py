"""Limits what a connection may take before the application sees a request: bytes of a header, time, descriptors.

uvicorn's parser limits neither the header nor the time that it may take, and its only limit of connections refuses
newcomers; so this stands in its protocol's place. A refusal has the form of every other error, but as no request has
come, it is neither counted nor logged as one.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.pace import Pace, PacedFlow
from service.security.bodies import SMALL_BODY

_LINGER_S = 2.0
"""How long what a refused client still sends is thrown away: closing at once would take the answer from it."""


@dataclass(frozen=True)
class ConnectionLimits:
    """What connections may take.

    Attributes:
        connections: open at the same time; one more, and the one that has waited longest for its client is closed.
        header_bytes: of a request's first line and header fields.
        header_s: seconds from a connection's start, or the first byte after a request, to the end of a header.
        body_s: seconds that the rest of a body may take after its answer, and an answer to be taken.
        body_bytes_per_s: of the bodies of all connections together; what comes faster waits.
    """

    connections: int
    header_bytes: int
    header_s: float
    body_s: float
    body_bytes_per_s: float


class Connections:
    """The open connections of a server; only the event loop's thread uses it."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.pace = Pace(limits.body_bytes_per_s)
        self._open: set[Connection] = set()
        self._waiting: OrderedDict[Connection, None] = OrderedDict()

    def protocol(self, **arguments: Any) -> Connection:
        """Return the protocol of one more connection; what uvicorn calls with its own arguments."""
        return Connection(self, **arguments)

    def add(self, connection: Connection) -> None:
        """Count a new connection, and make room for it."""
        self._open.add(connection)
        if len(self._open) > self.limits.connections:
            longest = next(iter(self._waiting), connection)  # where all are being answered: the new one
            self.remove(longest)
            longest.transport.abort()

    def remove(self, connection: Connection) -> None:
        """Count a connection no more."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)

    def tell(self, connection: Connection, *, waits: bool) -> None:
        """Note that a connection has done something, and whether it waits for its client now."""
        self._waiting.pop(connection, None)
        if waits and connection in self._open:
            self._waiting[connection] = None


class _HeaderTooLargeError(Exception):
    """Ends the parsing of a request."""


class Connection(HttpToolsProtocol):
    """uvicorn's protocol with limits."""

    def __init__(self, connections: Connections, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._connections = connections
        self._limits = connections.limits
        self._in_head = self._in_body = False
        self._head_bytes = self._body_bytes = 0
        self._too_large = False
        self._refused = False
        self._heard = False
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a header."""
        super().connection_made(transport)
        self.flow: PacedFlow = PacedFlow(transport, self.loop)
        self._connections.add(self)
        self._connections.tell(self, waits=True)
        self._read_within(self._limits.header_s, self._header_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_reading_timer()
        self._stop_writing_timer()
        self.flow.close()
        self._connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come, unless it is of a request that was refused."""
        if self._refused:
            return
        self._heard = True
        counts = self._in_head or not (self._in_body or self._is_answering)
        super().data_received(data)
        if self.transport.is_closing() or self._refused:
            return
        if self._in_head and counts:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.header_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, self._header_is_too_large)
                return
        self._connections.tell(self, waits=self._in_body or not self._is_answering)
        if self._is_answering:
            self._stop_reading_timer()
        elif not self._in_body and self._reading is None:
            self._read_within(self._limits.header_s, self._header_is_late)

    def on_message_begin(self) -> None:
        """Begin to count a header's bytes."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Refuse a header that came in few pieces and is too large all the same."""
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self._limits.header_bytes:
            self._too_large = True
            raise _HeaderTooLargeError
        self._in_head, self._in_body = False, True
        self._body_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Slow a large body down, also one that nobody wants any more."""
        self._body_bytes += len(body)
        if self._body_bytes > SMALL_BODY and (seconds := self._connections.pace.wait_after(len(body))):
            self.flow.wait(seconds)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is here as a whole."""
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of a body that nobody wanted."""
        super().on_response_complete()
        self._connections.tell(self, waits=True)
        if self.transport.is_closing():
            self._write_within(self._limits.body_s)
        elif self._in_body:
            self._read_within(self._limits.body_s, self._close)
        else:
            self._stop_reading_timer()

    def pause_writing(self) -> None:
        """Wait for a client that does not take its answer, but not for ever."""
        super().pause_writing()
        self._write_within(self._limits.body_s)

    def resume_writing(self) -> None:
        """Wait no more."""
        super().resume_writing()
        self._stop_writing_timer()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that no request came by, though its client may not have taken the last answer."""
        super().timeout_keep_alive_handler()
        self._write_within(_LINGER_S)

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that cannot be parsed."""
        if self._too_large:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, self._header_is_too_large)
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, msg)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _header_is_too_large(self) -> str:
        limit = self._limits.header_bytes
        return f"The header is larger than the limit of {limit:,} bytes (SEMBLANCE_MAX_HEADER_BYTES)."

    def _header_is_late(self) -> None:
        if not self._heard:
            self._close()
            return
        self._refuse(
            HTTPStatus.REQUEST_TIMEOUT,
            f"The header did not arrive within {self._limits.header_s:g} seconds (SEMBLANCE_HEADER_TIMEOUT_S).",
        )

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer without the application, and close."""
        self._refused = True
        self._stop_reading_timer()
        if self._is_answering:  # a request behind another: an answer to it would stand within the other's
            self._close()
            return
        request_id = uuid4().hex
        problem = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
        body = json.dumps({**problem, "request_id": request_id}, separators=(",", ":")).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._write_within(_LINGER_S)

    def _close(self) -> None:
        """Close, and do not wait long for a client that takes nothing."""
        self.transport.close()
        self._write_within(_LINGER_S)

    def _read_within(self, seconds: float, otherwise: Callable[[], None]) -> None:
        self._stop_reading_timer()
        self._reading = self.loop.call_later(seconds, otherwise)

    def _stop_reading_timer(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _write_within(self, seconds: float) -> None:
        self._stop_writing_timer()
        self._writing = self.loop.call_later(seconds, self.transport.abort)

    def _stop_writing_timer(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
