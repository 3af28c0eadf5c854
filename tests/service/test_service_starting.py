"""The service answers from its start on: what is still being loaded is told, and nothing hangs meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from colour_collection import wait_until_loaded
from fastapi import FastAPI
from starlette.testclient import TestClient
from toy_encoder import ToyEncoder


class Gate:
    """An encoder's loader that waits until it is let go on."""

    def __init__(self, fails: bool = False) -> None:
        self.entered, self.open, self._fails = threading.Event(), threading.Event(), fails

    def __call__(self, name: str) -> ToyEncoder:
        self.entered.set()
        assert self.open.wait(20)
        if self._fails:
            raise RuntimeError("a fault of ours")
        return ToyEncoder(name)


def test_while_a_collection_is_loaded_the_service_says_so(build_app: Callable[..., FastAPI]) -> None:
    gate = Gate()
    app = build_app(load_encoder=gate)
    with TestClient(app) as client:
        assert gate.entered.wait(20)
        assert client.get("/livez").status_code == 200
        for answer in (
            client.get("/readyz"),
            client.post("/search/text", json={"query": "red"}),
            client.post("/search/text", json={"query": "red", "collection": "colours"}),
            client.get("/collections/colours"),
        ):
            assert answer.status_code == 503
            assert "colours" in answer.json()["detail"]
            assert int(answer.headers["retry-after"]) >= 1
        assert client.post("/search/text", json={"query": "red", "collection": "sounds"}).status_code == 404
        assert client.get("/collections").json()["default"] == "colours"
        gate.open.set()
        wait_until_loaded(app)
        assert client.get("/readyz").status_code == 200
        assert client.post("/search/text", json={"query": "red"}).json()["results"]


def test_a_service_that_is_stopped_while_it_loads_ends(build_app: Callable[..., FastAPI]) -> None:
    gate = Gate()
    with TestClient(build_app(load_encoder=gate)):
        assert gate.entered.wait(20)
        gate.open.set()


def test_a_fault_while_loading_leaves_the_service_not_ready(build_app: Callable[..., FastAPI]) -> None:
    gate = Gate(fails=True)
    gate.open.set()
    with TestClient(build_app(load_encoder=gate)) as client:
        assert gate.entered.wait(20)
        assert client.get("/readyz").status_code == 503
        assert client.get("/livez").status_code == 200


def test_an_empty_service_is_not_ready_and_says_what_to_do(build_app: Callable[..., FastAPI], tmp_path: Path) -> None:
    app = build_app(data_dir=tmp_path / "nothing")
    with TestClient(app) as client:
        wait_until_loaded(app)
        answer = client.get("/readyz")
        assert (answer.status_code, "semblance index" in answer.json()["detail"]) == (503, True)
