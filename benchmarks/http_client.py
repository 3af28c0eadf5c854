"""The least client that can time a service: one kept-alive socket, a request written, an answer read.

A full HTTP library would add as much to a request as the service's own framework does, and hide what is measured.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType


class Client:
    """Posts JSON, or files of one media type, to one path over one connection."""

    def __init__(self, port: int, path: str, media_type: str = "application/json") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {media_type}\r\nContent-Length: "
        ).encode()

    def post(self, content: object) -> bytes:
        """Send one request, bytes as they are or else JSON, and return the answer's body.

        Raises:
            RuntimeError: the answer is not 200, or the connection ended.
        """
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self._socket.sendall(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)
        head, _, answer = self._receive_head().partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        while len(answer) < length:
            answer += self._receive()
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{head.splitlines()[0].decode()}: {answer[:300].decode()}")
        return answer

    def timed_post(self, content: object) -> float:
        """Send one request; return the seconds until its whole answer was here."""
        started = time.perf_counter()
        self.post(content)
        return time.perf_counter() - started

    def _receive_head(self) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        return data

    def _receive(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise RuntimeError("the service closed the connection")
        return data

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def load(port: int, path: str, contents: Sequence[object], clients: int) -> tuple[list[float], float]:
    """Let clients post at once, each the next when its last is answered.

    Returns:
        The seconds of each request, and the seconds from first to last.
    """

    def one_client(first: int) -> list[float]:
        with Client(port, path) as client:
            return [client.timed_post(content) for content in contents[first::clients]]

    with ThreadPoolExecutor(clients) as pool:
        started = time.perf_counter()
        seconds = [s for of_client in pool.map(one_client, range(clients)) for s in of_client]
        return seconds, time.perf_counter() - started
