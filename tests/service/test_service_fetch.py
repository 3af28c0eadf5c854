"""Fetching a query image by its address, and not becoming a way into the network."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from colour_collection import assert_problem, names, png
from starlette.testclient import TestClient

import service.api.sources
from service.security.addresses import is_public
from service.security.fetch import FetchError, fetch_image


class Website(BaseHTTPRequestHandler):
    """Answers with a picture, a redirect, or nothing."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.server.let_go.wait(20)  # type: ignore[attr-defined]
        status = {"/red.png": 200, "/moved": 302}.get(self.path, 404)
        content = png("red") if status == 200 else b""
        self.send_response(status)
        self.send_header("Location", "/red.png")
        self.send_header("X-Host", self.headers["Host"])
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def website() -> Iterator[str]:
    """The address of a website on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Website)
    server.let_go = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.let_go.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(url: str, *, max_bytes: int = 10_000, timeout_s: float = 20, everywhere: bool = True) -> bytes:
    allowed = (lambda _address: True) if everywhere else is_public
    return asyncio.run(fetch_image(url, max_bytes=max_bytes, timeout_s=timeout_s, allowed=allowed))


def test_an_image_is_fetched(website: str) -> None:
    assert fetch(f"{website}/red.png") == png("red")


def test_the_host_keeps_its_name_though_the_connection_goes_to_its_address(website: str) -> None:
    assert fetch(f"{website.replace('127.0.0.1', 'localhost')}/red.png") == png("red")


@pytest.mark.parametrize(
    ("path", "complaint"), [("/moved", "status 302"), ("/none", "status 404")], ids=["redirect", "missing"]
)
def test_redirects_and_errors_are_not_followed(website: str, path: str, complaint: str) -> None:
    with pytest.raises(FetchError, match=complaint):
        fetch(website + path)


def test_a_body_over_the_limit_is_broken_off(website: str) -> None:
    with pytest.raises(FetchError, match="limit of 10 bytes"):
        fetch(f"{website}/red.png", max_bytes=10)


def test_a_silent_host_is_given_up(website: str) -> None:
    with pytest.raises(FetchError, match="did not answer"):
        fetch(f"{website}/slow", timeout_s=0.1)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/x",
        "file:///etc/passwd",
        "http://",
        "red.png",
        "http://user:word@example.org/",
        "http://[::1",
        "\0",
    ],
)
def test_what_is_no_plain_http_address_is_refused(url: str) -> None:
    with pytest.raises(FetchError):
        fetch(url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "0x7f.1", "2130706433"]
)
def test_hosts_inside_the_network_are_refused(host: str) -> None:
    with pytest.raises(FetchError):
        fetch(f"http://{host}:1/", everywhere=False)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("172.16.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", False),
        ("64:ff9b:1::a00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:7f00:1::", False),
        ("2001:4:112::1", False),
        ("2001:20::1", False),
        ("2001:db8::1", False),
        ("2620:4f:8000::1", False),
        ("3fff::1", False),
        ("3fff:fff:ffff::1", False),
        ("4000::1", False),
        ("5f00::1", False),
        ("100::1", False),
        ("fec0::1", False),
        ("::7f00:1", False),
        ("2001:200::1", True),
        ("2606:4700::1", True),
        ("3ff0::1", True),
        ("192.0.0.8", False),
        ("192.0.0.170", False),
        ("192.0.2.1", False),
        ("192.0.1.1", True),
        ("192.31.196.1", False),
        ("192.52.193.1", False),
        ("192.88.99.1", False),
        ("192.88.98.1", True),
        ("192.175.48.1", False),
        ("198.18.0.1", False),
        ("198.20.0.1", True),
        ("198.51.100.1", False),
        ("203.0.113.1", False),
        ("168.63.129.16", False),
        ("168.63.129.17", True),
        ("172.32.0.1", True),
        ("100.128.0.1", True),
    ],
)
def test_only_addresses_of_the_open_internet_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) == public


def test_a_query_by_address_is_answered_where_the_service_allows_it(
    start: Callable[..., TestClient], website: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = start(allow_url_fetch=True)
    assert_problem(client.post("/search/image", json={"url": f"{website}/red.png"}), 422, "not a public address")

    async def fetch_anywhere(url: str, *, max_bytes: int, timeout_s: float) -> bytes:
        return await fetch_image(url, max_bytes=max_bytes, timeout_s=timeout_s, allowed=lambda _address: True)

    monkeypatch.setattr(service.api.sources, "fetch_image", fetch_anywhere)
    assert names(client.post("/search/image?k=1", json={"url": f"{website}/red.png"})) == ["red"]
