"""A service whose catalogs are in PostgreSQL: it says when the server is away, and goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from colour_collection import COLOURS, assert_problem, index, names, save_colours
from fastapi import FastAPI
from starlette.testclient import TestClient
from toy_encoder import ToyEncoder

from benchmarks.postgres_server import PostgresServer
from indexer.catalog.opening import URL_VARIABLE

RED = {"query": "red", "k": 3}


@pytest.fixture
def data_dir(postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder whose one collection has its catalog in the server."""
    monkeypatch.setenv(URL_VARIABLE, postgres.url)
    save_colours(tmp_path / "pictures", list(COLOURS))
    index(tmp_path / "data", "colours", tmp_path / "pictures")
    return tmp_path / "data"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_that_goes_away_is_told_and_taken_up_again_when_it_is_back(
    start: Callable[..., TestClient], postgres: PostgresServer
) -> None:
    client = start()
    before = client.post("/search/text", json=RED).json()["results"]
    assert client.get("/readyz").json() == {"status": "ready"}
    image = f"/images/{before[0]['id']}"
    postgres.kill()
    try:
        for answer in (client.post("/search/text", json=RED), client.get(image), client.get("/readyz")):
            assert_problem(answer, 503, "The database of the catalog does not answer at the moment; ask again.")
        assert client.get("/livez").json() == {"status": "alive"}
    finally:
        postgres.start()
    assert client.post("/search/text", json=RED).json()["results"] == before
    assert client.get(image).status_code == 200
    assert client.get("/readyz").json() == {"status": "ready"}


def test_a_service_that_starts_without_the_server_serves_as_soon_as_it_is_there(
    build_app: Callable[..., FastAPI], data_dir: Path, postgres: PostgresServer
) -> None:
    postgres.kill()
    try:
        with TestClient(build_app(watch_s=0.1)) as client:
            until(lambda: client.get("/readyz").json()["detail"].startswith("No collection"))
            assert_problem(client.post("/search/text", json=RED), 503, "does not answer")
            postgres.start()
            until(lambda: client.post("/search/text", json=RED).status_code == 200)
            assert client.get("/readyz").status_code == 200
    finally:
        postgres.start_again()


def test_a_generation_that_requests_have_pinned_answers_though_newer_ones_have_taken_its_place(
    start: Callable[..., TestClient], data_dir: Path, tmp_path: Path
) -> None:
    client = start()
    generations = client.app.state.parts.generations  # type: ignore[attr-defined]
    with generations.pin("colours") as served:
        for number, name in enumerate(list(COLOURS)[:3], 2):
            next((tmp_path / "pictures").glob(f"{name}.*")).unlink()
            index(data_dir, "colours", tmp_path / "pictures", ToyEncoder())
            assert client.post("/collections/colours/reload").json()["generation"] == number
        assert served.generation.number == 1
        assert len(served.generation.catalog.images_at(range(len(COLOURS)))) == len(COLOURS)
    assert names(client.post("/search/text", json={"query": "red", "k": 9})) != []
