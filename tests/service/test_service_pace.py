"""The pace of bodies: how long readers wait, and what large bodies meet over HTTP while others are answered."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import httpx
import pytest
from colour_collection import png

from service.pace import Pace, PacedFlow

Start = Callable[..., httpx.Client]

JPEG = {"Content-Type": "image/jpeg"}
POST = b"POST /search/image HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 20000000\r\n\r\n"


class TestPace:
    """Seconds that a reader waits."""

    def test_all_readers_together_keep_it(self) -> None:
        pace = Pace(1000, clock=lambda: 50.0)
        assert pace.wait_after(50) == 0  # what may come at once
        assert pace.wait_after(100) == pytest.approx(0.1)
        assert pace.wait_after(300) == pytest.approx(0.4)

    def test_a_pause_gives_back_no_more_than_a_burst(self) -> None:
        now = [0.0]
        pace = Pace(1000, clock=lambda: now[0])
        pace.wait_after(250)
        now[0] = 0.1
        assert pace.wait_after(100) == pytest.approx(0.2)
        now[0] = 100
        assert pace.wait_after(250) == pytest.approx(0.2)


class _Transport(asyncio.Transport):
    """Notes whether it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.is_read, self.closing = True, False

    def pause_reading(self) -> None:
        assert self.is_read and not self.closing
        self.is_read = False

    def resume_reading(self) -> None:
        assert not self.is_read and not self.closing
        self.is_read = True

    def is_closing(self) -> bool:
        return self.closing


class TestPacedFlow:
    """Two reasons to read nothing, in every order."""

    @pytest.mark.parametrize("order", ["wait pause resume end", "pause wait resume end", "wait pause end resume"])
    def test_it_is_read_when_no_reason_is_left(self, order: str) -> None:
        async def run() -> None:
            transport = _Transport()
            flow = PacedFlow(transport, asyncio.get_running_loop())
            for number, step in enumerate(order.split()):
                match step:
                    case "wait":
                        flow.wait(0.01)
                        flow.wait(60)
                    case "pause":
                        flow.pause_reading()
                    case "resume":
                        flow.resume_reading()
                    case "end":
                        await asyncio.sleep(0.05)
                assert transport.is_read == (number == 3)

        asyncio.run(run())

    def test_a_connection_that_ends_meanwhile_is_left_alone(self) -> None:
        async def run() -> None:
            for lost in (False, True):
                transport = _Transport()
                flow = PacedFlow(transport, asyncio.get_running_loop())
                flow.wait(0.01)
                transport.closing = True
                if lost:
                    flow.close()
                await asyncio.sleep(0.05)
                flow.wait(0.01)
                assert not transport.is_read

        asyncio.run(run())


class TestOverHttp:
    """A service that reads 64 KB a second."""

    def test_a_large_body_comes_slowly_and_a_small_one_at_once(self, http: Start) -> None:
        client = http(body_bytes_per_s=2**16, body_timeout_s=1)
        small = png() + bytes(40_000)
        assert client.post("/search/image", content=small, headers=JPEG).status_code == 200
        slow = client.post("/search/image", content=png() + bytes(2_000_000), headers=JPEG)
        assert (slow.status_code, slow.headers["connection"]) == (408, "close")

    def test_others_are_answered_meanwhile(self, http: Start) -> None:
        client = http(body_bytes_per_s=2**16, body_timeout_s=60, graceful_stop_s=1)
        with _connect(client) as connection:
            connection.send(POST + bytes(1_000_000))
            while "semblance_requests_running 2.0" not in client.get("/metrics").text:
                pass
            for _ in range(20):
                assert client.post("/search/text", json={"query": "red"}).status_code == 200
            assert "semblance_requests_running 2.0" in client.get("/metrics").text

    def test_one_that_is_refused_before_it_comes_is_slowed_too(self, http: Start) -> None:
        client = http(body_bytes_per_s=2**16, body_timeout_s=1, api_keys="secret", keep_alive_s=60)
        with _connect(client) as connection:
            connection.sendall(POST)
            assert connection.recv(65536).startswith(b"HTTP/1.1 401")
            with pytest.raises(OSError):  # broken pipe or reset, as the system has it
                connection.sendall(bytes(19_000_000))


def _connect(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=20)
