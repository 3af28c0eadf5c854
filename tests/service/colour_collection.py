"""What the tests of the service share: a collection of plain colours, a server over it, and the form of its errors."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from PIL import Image
from toy_encoder import ToyEncoder
from toy_indexing import index_with

from indexer.ingest.request import IndexRequest
from service.server import web_server
from service.settings import Settings

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "white": (255, 255, 255),
}


def png(colour: str | tuple[int, int, int] = "red", size: tuple[int, int] = (20, 10)) -> bytes:
    """Return the bytes of a plain picture."""
    buffer = io.BytesIO()
    Image.new("RGB", size, COLOURS[colour] if isinstance(colour, str) else colour).save(buffer, "PNG")
    return buffer.getvalue()


def names(answer: Any) -> list[str]:
    """Return the colours that a search found, best first."""
    assert answer.status_code == 200, answer.text
    return [result["metadata"]["name"].partition(".")[0] for result in answer.json()["results"]]


def assert_problem(answer: Any, status: int, *told: str) -> dict[str, Any]:
    """Check an error's status and form, that its detail tells what it should, and that no path or trace leaks."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "request_id"} <= problem.keys() <= {
        "type", "title", "status", "detail", "request_id", "errors",
    }  # fmt: skip
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    for text in told:
        assert text in answer.text
    assert not re.search(r"/tmp/|\.py\b|Traceback|SELECT|site-packages", answer.text)
    if status == 503:
        assert int(answer.headers["retry-after"]) >= 1
    return problem


def save_colours(folder: Path, names: list[str]) -> None:
    """Save one plain picture a colour, each in another format or size."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        suffix = ("png", "jpg", "webp")[number % 3]
        Image.new("RGB", (60 + number, 40), COLOURS[name]).save(folder / f"{name}.{suffix}")


def index(
    data_dir: Path, name: str, folder: Path | str, encoder: ToyEncoder | None = None, captions: Path | None = None
) -> None:
    """Index a folder, or another storage by its address, as the command would."""
    index_with(IndexRequest(data_dir, name, (folder,), captions), [encoder or ToyEncoder()])


def wait_until_loaded(app: FastAPI, within_s: float = 60) -> None:
    """Return when an application that has started has loaded its collections, or refused them."""
    for _ in range(round(within_s / 0.01)):
        if app.state.parts.generations.loading == ():
            return
        time.sleep(0.01)
    raise AssertionError("the collections were not loaded")


@contextmanager
def served(
    app: FastAPI, around: Callable[[Any], Any] = lambda app: app, settings: Settings | None = None
) -> Iterator[str]:
    """Serve the application on a free port by the service's own web server; yield its address."""
    chosen = (settings or Settings(graceful_stop_s=10)).model_copy(update={"port": 0})
    server = web_server(around(app), chosen)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        wait_until_loaded(app)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
