"""How the server listens."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from service.server import acceptors

uvloop: Any = pytest.importorskip("uvloop")  # not on Windows


def test_new_connections_wait_for_few_turns_of_a_busy_loop() -> None:
    accepted: list[asyncio.BaseTransport] = []

    class Accepting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.append(transport)

    async def turns(clients: int) -> int:
        loop, count = asyncio.get_running_loop(), 0
        listening = socket.create_server(("127.0.0.1", 0), backlog=clients)
        servers = [await loop.create_server(Accepting, sock=one) for one in acceptors(listening)]
        connected = [socket.create_connection(listening.getsockname()) for _ in range(clients)]
        while len(accepted) < clients:
            await asyncio.sleep(0)
            count += 1
        for client in connected:
            client.close()
        for transport in accepted:
            transport.close()
        for server in servers:
            server.close()
        return count

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(turns(100)) < 20  # with one socket, a hundred
