"""Uploads that take long to decode: who waits, what ends them, and what they leave behind."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest
from child_processes import at_work, children, wait_for
from colour_collection import served
from fastapi import FastAPI
from slow_images import endless_jpeg

from service.settings import Settings

SLOW = endless_jpeg()
PATIENT = {"max_scans": 10**9, "decode_processes": 1}


@pytest.fixture
def others() -> Iterator[set[int]]:
    """The processes that were there before; those of the test are gone at its end."""
    before = children()
    yield before
    assert not children() - before


def upload(client: httpx.Client, content: bytes) -> httpx.Response:
    return client.post("/search/image", content=content, headers={"Content-Type": "image/jpeg"})


def test_an_image_that_takes_too_long_is_told_so_and_searches_go_on(http: Callable[..., httpx.Client]) -> None:
    client = http(max_decode_s=2, **PATIENT)
    with ThreadPoolExecutor(1) as attacker:
        slow = attacker.submit(upload, client, SLOW)
        assert client.post("/search/text", json={"query": "red"}).status_code == 200
        assert not slow.done()
        answer = slow.result()
    assert answer.status_code == 413
    assert answer.json()["detail"] == "decoding took more than 2 seconds (SEMBLANCE_MAX_DECODE_S)"


def test_the_work_ends_when_the_client_hangs_up(
    http: Callable[..., httpx.Client], pictures: object, others: set[int]
) -> None:
    client = http(**PATIENT)
    port = urlsplit(str(client.base_url)).port
    head = f"POST /search/image HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(SLOW)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port or 0)) as connection:
        connection.sendall(head.encode() + SLOW)
        wait_for(lambda: bool(at_work(others)))
        busy = at_work(others)
    wait_for(lambda: not busy & children())
    client.close()


def test_the_service_ends_in_the_middle_of_an_upload(build_app: Callable[..., FastAPI], others: set[int]) -> None:
    stopping = Settings(graceful_stop_s=1)
    with ThreadPoolExecutor(1) as attacker:
        with served(build_app(**PATIENT), settings=stopping) as address, httpx.Client(base_url=address) as client:
            slow = attacker.submit(upload, client, SLOW)
            wait_for(lambda: bool(at_work(others)))
        assert slow.exception() or slow.result().is_server_error
