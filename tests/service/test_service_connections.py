"""Connections by hand: half-sent, slow, idle, oversized and too many; each closes, and others are answered."""

from __future__ import annotations

import json
import resource
import select
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import httpx
import pytest
import structlog
from colour_collection import assert_problem, png
from toy_encoder import ToyEncoder

from models.types import Vectors
from service.server import allow_descriptors

Start = Callable[..., httpx.Client]

GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /search/image HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"


def connect(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=20)


def until_closed(connection: socket.socket) -> bytes:
    """Return all that comes until the service closes the connection."""
    data = b""
    try:
        while part := connection.recv(65536):
            data += part
    except ConnectionResetError:
        pass
    return data


def ask(client: httpx.Client, request: bytes) -> bytes:
    with connect(client) as connection:
        connection.sendall(request)
        return until_closed(connection)


def assert_refused(answer: bytes, status: int, told: str) -> None:
    """Check a refusal that no request stands behind: as ``assert_problem`` does for others."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().splitlines()
    assert lines[0].startswith(f"HTTP/1.1 {status} ")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    problem = json.loads(body)
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert problem.keys() == {"type", "title", "status", "detail", "request_id"}
    assert (problem["status"], problem["request_id"]) == (status, headers["x-request-id"])
    assert told in problem["detail"]


class TestHeader:
    """What comes before the application sees a request."""

    @pytest.mark.parametrize(
        "request_",
        [
            GET + b"X: " + b"x" * 3000 + b"\r\n\r\n",
            GET + b"X: " + b"x" * 100_000,
            GET + b"X: y\r\n" * 600,
            b"GET /" + b"x" * 3000,
            b"GET /?" + b"x" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        ],
        ids=["one field", "half a field", "many fields", "half an address", "an address"],
    )
    def test_one_that_is_too_large_is_refused(self, http: Start, request_: bytes) -> None:
        answer = ask(http(max_header_bytes=2000), request_)
        assert_refused(answer, 431, "2,000 bytes (SEMBLANCE_MAX_HEADER_BYTES)")

    def test_a_client_that_goes_on_sending_can_read_why_it_was_refused(self, http: Start) -> None:
        with connect(http()) as connection:
            connection.sendall(GET + b"X: ")
            for _ in range(8):
                connection.sendall(b"x" * 2**20)
            answer = connection.recv(65536)
        assert_refused(answer, 431, "32,768")

    def test_one_of_allowed_size_is_not_counted_with_a_body_or_another(self, http: Start) -> None:
        client = http(max_header_bytes=2000)
        large = GET + b"X: " + b"x" * 1900 + b"\r\n\r\n"
        with connect(client) as connection:
            connection.sendall(large * 5 + POST + b"Content-Length: 20000\r\n\r\n" + bytes(20000) + large)
            connection.sendall(GET + b"Connection: close\r\n\r\n")
            answers = until_closed(connection)
        assert answers.count(b"HTTP/1.1 200") == 7
        assert answers.count(b"HTTP/1.1 400") == 1

    def test_what_is_no_request_is_a_problem(self, http: Start) -> None:
        assert_refused(ask(http(), b"\x16\x03\x01\x02\x00\x01"), 400, "Invalid HTTP")

    def test_a_late_one_is_told_and_a_connection_without_one_is_closed(self, http: Start) -> None:
        client = http(header_timeout_s=0.2, keep_alive_s=60)
        assert_refused(ask(client, GET + b"X: "), 408, "0.2 seconds (SEMBLANCE_HEADER_TIMEOUT_S)")
        assert ask(client, b"") == b""
        assert_refused(ask(client, b"\r\n"), 408, "0.2")

    def test_one_that_comes_drop_by_drop_is_late_as_well(self, http: Start) -> None:
        with connect(http(header_timeout_s=0.5)) as connection:
            connection.settimeout(0.05)
            answer = b""
            for byte in GET * 20:
                connection.sendall(bytes([byte]))
                try:
                    answer = connection.recv(65536)
                    break
                except TimeoutError:
                    continue
        assert_refused(answer, 408, "0.5")

    def test_the_second_of_a_connection_has_its_own_time(self, http: Start) -> None:
        with connect(http(header_timeout_s=0.3, keep_alive_s=60)) as connection:
            connection.sendall(GET + b"\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            connection.sendall(GET)
            assert_refused(until_closed(connection), 408, "0.3")

    def test_between_requests_a_connection_is_closed(self, http: Start) -> None:
        answer = ask(http(keep_alive_s=1), GET + b"\r\n")
        assert answer.count(b"HTTP/1.1 200") == 1
        assert b"connection: close" not in answer


class TestBody:
    """What is read by the application, or by nobody."""

    def test_a_late_one_is_a_problem_and_its_connection_closes(self, http: Start) -> None:
        client = http(body_timeout_s=0.3)
        for head in (POST, POST.replace(b"image/png", b"application/json")):
            for length in (b"Content-Length: 100\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"):
                answer = ask(client, head + length)
                assert answer.startswith(b"HTTP/1.1 408")
                assert b"connection: close" in answer
                assert b"0.3 seconds (SEMBLANCE_BODY_TIMEOUT_S)" in answer
        assert 'status="408"' in client.get("/metrics").text

    def test_one_that_nobody_wants_is_thrown_away_for_a_while(self, http: Start) -> None:
        client = http(body_timeout_s=0.3, api_keys="secret", keep_alive_s=60)
        with connect(client) as connection:
            connection.sendall(POST + b"Content-Length: 1000000\r\n\r\nhalf")
            answer = until_closed(connection)
        assert answer.startswith(b"HTTP/1.1 401")

    def test_without_a_key_it_is_not_asked_for(self, http: Start) -> None:
        client = http(api_keys="secret", body_timeout_s=0.3)
        answer = ask(client, POST + b"Expect: 100-continue\r\nContent-Length: 10000\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 401")

    def test_so_many_are_held_and_no_more(self, http: Start) -> None:
        client = http(max_bodies=2)
        with ExitStack() as stack:
            for _ in range(2):
                slow = stack.enter_context(connect(client))
                slow.sendall(POST + b"Content-Length: 100000\r\n\r\nhalf")
            _wait_for(client, "semblance_requests_running 3.0")
            large = png() + bytes(70_000)
            assert_problem(client.post("/search/image", content=large, headers={"Content-Type": "image/png"}), 503)
            small = client.post("/search/image", content=png(), headers={"Content-Type": "image/png"})
            assert small.status_code == 200
            assert client.post("/search/text", json={"query": "red"}).status_code == 200
            assert 'semblance_refused_total{queue="bodies"} 1.0' in client.get("/metrics").text
        _wait_for(client, "semblance_requests_running 1.0")
        assert client.post("/search/image", content=large, headers={"Content-Type": "image/png"}).status_code == 200

    def test_so_many_bytes_are_held_and_no_more(self, http: Start) -> None:
        client = http(max_bodies_bytes=2**20)
        with connect(client) as slow:
            slow.sendall(POST + b"Content-Length: 2000000\r\n\r\n" + bytes(900_000))
            _wait_for(client, "semblance_requests_running 2.0")
            large = png() + bytes(500_000)
            for content in (large, iter([large])):
                refused = client.post("/search/image", content=content, headers={"Content-Type": "image/png"})
                assert_problem(refused, 503, "busy")
        _wait_for(client, "semblance_requests_running 1.0")
        assert client.post("/search/image", content=large, headers={"Content-Type": "image/png"}).status_code == 200

    def test_an_answer_that_nobody_takes_is_broken_off(self, http: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        client = http(body_timeout_s=0.3)
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.connect((client.base_url.host, client.base_url.port or 80))
            connection.sendall((GET.replace(b"/livez", b"/openapi.json") + b"\r\n") * 400)
            _wait_for(client, "semblance_requests_running 1.0")
            connection.settimeout(20)
            received = len(until_closed(connection))
        assert 0 < received < 400 * len(client.get("/openapi.json").content)


class TestNumber:
    """How many connections there are."""

    def test_the_longest_idle_one_makes_room(self, http: Start) -> None:
        client = http(max_connections=5, header_timeout_s=60, keep_alive_s=60)
        with ExitStack() as stack:
            idle = [stack.enter_context(connect(client)) for _ in range(4)]
            idle[0].sendall(GET + b"\r\n")
            assert idle[0].recv(65536).startswith(b"HTTP/1.1 200")
            assert client.get("/livez").status_code == 200  # the fifth
            new = stack.enter_context(connect(client))
            assert until_closed(idle[1]) == b""
            for still_open in (idle[0], idle[2], idle[3], new):
                still_open.sendall(GET + b"\r\n")
                assert still_open.recv(65536).startswith(b"HTTP/1.1 200")

    def test_one_that_is_answered_stays(self, http: Start) -> None:
        encoder = _Gated()
        client = http(max_connections=2, load_encoder=lambda _name: encoder, header_timeout_s=60)
        body = b'{"query": "wait"}'
        head = b"POST /search/text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n"
        with ExitStack() as stack:
            busy = stack.enter_context(connect(client))
            busy.sendall(head + body)
            assert encoder.entered.wait(20)
            idle = [stack.enter_context(connect(client)) for _ in range(3)]
            assert [until_closed(one) for one in idle[:2]] == [b"", b""]
            encoder.gate.set()
            assert busy.recv(65536).startswith(b"HTTP/1.1 200")

    def test_many_idle_ones_shut_nobody_out(self, http: Start) -> None:
        client = http(header_timeout_s=60)
        with ExitStack() as stack:
            idle = [stack.enter_context(connect(client)) for _ in range(1200)]
            for _ in range(20):
                with httpx.Client(base_url=client.base_url, timeout=20) as other:
                    assert other.get("/livez").status_code == 200
            poll = select.poll()
            for one in idle:
                poll.register(one, select.POLLIN)
            assert 688 <= len(poll.poll(0)) <= 688 + 21  # those that were closed, for 512 and for those that asked

    def test_descriptors_are_allowed_for_as_far_as_the_system_lets(self) -> None:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
            with structlog.testing.capture_logs() as lines:
                allow_descriptors(100)
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 612
            assert lines == []
            with structlog.testing.capture_logs() as lines:
                allow_descriptors(before[1])
            assert "SEMBLANCE_MAX_CONNECTIONS" in lines[0]["event"]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)


class _Gated(ToyEncoder):
    """Encodes ``wait`` only when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.gate = threading.Event(), threading.Event()

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        if "wait" in texts:
            self.entered.set()
            assert self.gate.wait(20)
        return super().encode_texts(texts)


def _wait_for(client: httpx.Client, line: str) -> None:
    for _ in range(2000):
        if line in client.get("/metrics").text:
            return
    raise AssertionError(f"the metrics never told {line}")
