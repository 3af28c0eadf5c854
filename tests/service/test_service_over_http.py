"""What only a real server shows: bodies that stream, clients that leave, overload, and stopping with grace."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from colour_collection import assert_problem, names, png, served
from fastapi import FastAPI
from toy_encoder import ToyEncoder

from models.types import Pixels, Vectors


class GatedEncoder(ToyEncoder):
    """Encodes ``wait`` only when it is let go."""

    def __init__(self, name: str = "toy") -> None:
        super().__init__(name)
        self.entered, self.gate = threading.Event(), threading.Event()
        self.texts: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        if "wait" in texts:
            self.entered.set()
            assert self.gate.wait(20)
        return super().encode_texts(texts)


@contextmanager
def raw_request(client: httpx.Client, head: str) -> Iterator[tuple[socket.socket, http.client.HTTPResponse]]:
    """Send the head of a request by hand."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=20) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode())
        response = http.client.HTTPResponse(connection, method="POST")
        yield connection, response
        response.close()  # it holds the connection open


def as_answer(response: http.client.HTTPResponse) -> httpx.Response:
    response.begin()
    return httpx.Response(response.status, headers=response.getheaders(), content=response.read())


SEARCH_HEAD = "POST /search/image HTTP/1.1\nHost: x\nContent-Type: image/png\n"


def test_the_essential_flow_works_over_a_real_connection(http: Callable[..., httpx.Client]) -> None:
    client = http()
    assert client.get("/readyz").status_code == 200
    found = client.post("/search/text", json={"query": "red", "modifiers": ["+green"]})
    assert names(found)[0] == "yellow"
    best = found.json()["results"][0]
    assert client.get(best["thumbnail_url"]).headers["content-type"] == "image/webp"
    assert client.get(f"/explain?image_id={best['id']}&query=red&modifier=%2Bgreen").json()["score"] == best["score"]
    assert names(client.post("/search/image?modifier=+green&k=1", files={"file": png("blue")})) == ["cyan"]
    assert "server" not in client.get("/").headers or client.get("/").headers["server"] == "uvicorn"


def test_a_body_that_declares_too_much_is_refused_before_it_is_sent(http: Callable[..., httpx.Client]) -> None:
    client = http(max_body_bytes=4096)
    with raw_request(client, SEARCH_HEAD + "Content-Length: 4097\nExpect: 100-continue\n\n") as (_, response):
        assert_problem(as_answer(response), 413, "4,096")


def test_a_body_without_a_length_is_refused_when_it_has_come_too_far(http: Callable[..., httpx.Client]) -> None:
    client = http(max_body_bytes=4096)
    with raw_request(client, SEARCH_HEAD + "Transfer-Encoding: chunked\n\n") as (connection, response):
        connection.sendall(b"1000\r\n" + bytes(4096) + b"\r\n")
        connection.sendall(b"1\r\nx\r\n")  # more to come, which nobody waits for
        assert_problem(as_answer(response), 413, "4,096")


@pytest.mark.parametrize("path", ["/search/text", "/search/image", "/explain"])
def test_every_route_with_a_body_keeps_the_limit(http: Callable[..., httpx.Client], path: str) -> None:
    client = http(max_body_bytes=4096)
    too_long = b"[" + b" " * 10_000  # for an image in Base64, too

    def endless() -> Iterator[bytes]:
        yield too_long

    for kind in ("application/json", "multipart/form-data; boundary=x"):
        for content in (too_long, endless()):
            answer = client.post(path, content=content, headers={"Content-Type": kind})
            assert_problem(answer, 413)


def test_overload_is_refused_at_once_and_the_admitted_are_answered(http: Callable[..., httpx.Client]) -> None:
    encoder = GatedEncoder()
    client = http(load_encoder=lambda _name: encoder, max_searches=3)
    with ThreadPoolExecutor(3) as callers:
        admitted = [callers.submit(client.post, "/search/text", json={"query": "wait"}) for _ in range(3)]
        while "semblance_requests_running 4.0" not in client.get("/metrics").text:
            pass
        assert_problem(client.post("/search/text", json={"query": "red"}), 503, "3 searches")
        encoder.gate.set()
        assert [answer.result().status_code for answer in admitted] == [200, 200, 200]
    assert names(client.post("/search/text", json={"query": "red", "k": 1})) == ["red"]


class GatedImages(ToyEncoder):
    """Encodes images, but those that it is warmed up with, when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.gate = threading.Event(), threading.Event()

    def encode_images(self, images: Pixels) -> Vectors:
        if images.any():
            self.entered.set()
            assert self.gate.wait(20)
        return super().encode_images(images)


def test_each_kind_has_its_own_bound_and_is_refused_before_its_body_is_sent(http: Callable[..., httpx.Client]) -> None:
    encoder = GatedImages()
    client = http(load_encoder=lambda _name: encoder, max_uploads=1)
    image = {"content": png("blue"), "headers": {"Content-Type": "image/png"}}
    with ThreadPoolExecutor(1) as callers:
        first = callers.submit(client.post, "/search/image", **image)  # type: ignore[arg-type]
        assert encoder.entered.wait(20)
        with raw_request(client, SEARCH_HEAD + "Content-Length: 1000\nExpect: 100-continue\n\n") as (_, response):
            assert_problem(as_answer(response), 503, "uploads")
        for path, kind in (("/search/image", "multipart/form-data; boundary=x"), ("/embed", "image/png")):
            assert_problem(client.post(path, content=b"x", headers={"Content-Type": kind}), 503, "uploads")
        image_id = client.get("/images?k=1").json()["results"][0]["id"]
        assert client.post("/search/image", json={"id": image_id}).status_code == 200
        assert client.get(f"/images/{image_id}/thumbnail").status_code == 200
        encoder.gate.set()
        assert names(first.result())[0] == "blue"
    assert client.post("/search/image", **image).status_code == 200  # type: ignore[arg-type]


def test_nothing_is_encoded_for_a_client_that_has_left(http: Callable[..., httpx.Client]) -> None:
    encoder = GatedEncoder()
    client = http(load_encoder=lambda _name: encoder, encoder_threads=1)
    with ThreadPoolExecutor(1) as callers:
        first = callers.submit(client.post, "/search/text", json={"query": "wait"})
        assert encoder.entered.wait(20)
        head = "POST /search/text HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 16\n\n"
        with raw_request(client, head) as (connection, _):
            connection.sendall(b'{"query":"left"}')
            while "semblance_requests_running 3.0" not in client.get("/metrics").text:
                pass
        while 'status="499"' not in client.get("/metrics").text:
            pass
        encoder.gate.set()
        assert first.result().status_code == 200
    assert names(client.post("/search/text", json={"query": "red", "k": 1})) == ["red"]
    assert "left" not in encoder.texts


def test_a_request_in_flight_is_answered_when_the_service_stops(build_app: Callable[..., FastAPI]) -> None:
    encoder = GatedEncoder()
    with ThreadPoolExecutor(1) as callers:
        with served(build_app(load_encoder=lambda _name: encoder)) as address:
            answer: Any = callers.submit(httpx.post, f"{address}/search/text", json={"query": "wait"}, timeout=20)
            assert encoder.entered.wait(20)
            threading.Timer(0.2, encoder.gate.set).start()
        assert names(answer.result())


def test_many_clients_at_once_each_get_their_own_answer(http: Callable[..., httpx.Client]) -> None:
    client = http()
    colours = ["red", "green", "blue", "yellow", "cyan", "magenta"] * 10
    with ThreadPoolExecutor(8) as callers:
        answers = callers.map(lambda colour: client.post("/search/text", json={"query": colour, "k": 1}), colours)
    assert [names(answer)[0] for answer in answers] == colours
