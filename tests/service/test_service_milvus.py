"""A service whose vectors are in Milvus: it says when the server is away, and goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from colour_collection import COLOURS, assert_problem, index, names, save_colours
from starlette.testclient import TestClient

from benchmarks.milvus_server import MilvusProcess
from indexer.collections import delete_collection
from indexer.store.index_kind import VECTORS_URL

RED = {"query": "red", "k": 3}
pytestmark = pytest.mark.slow


@pytest.fixture
def data_dir(milvus: MilvusProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder whose one collection has its index in the server."""
    monkeypatch.setenv(VECTORS_URL, milvus.url)
    monkeypatch.setenv("SEMBLANCE_VECTORS_TIMEOUT_S", "2")
    save_colours(tmp_path / "pictures", list(COLOURS))
    index(tmp_path / "data", "colours", tmp_path / "pictures")
    yield tmp_path / "data"
    delete_collection(tmp_path / "data", "colours")


def test_a_server_that_goes_away_is_told_and_taken_up_again_when_it_is_back(
    start: Callable[..., TestClient], milvus: MilvusProcess
) -> None:
    client = start()
    answer = client.post("/search/text", json=RED)
    before = names(answer)
    assert answer.json()["collection"]["index"] == "milvus_hnsw"
    assert client.get("/readyz").json() == {"status": "ready"}
    milvus.kill()
    try:
        for answer in (client.post("/search/text", json=RED), client.get("/readyz")):
            assert_problem(answer, 503, "The database of the vectors does not answer at the moment; ask again.")
    finally:
        milvus.start()
    deadline = time.monotonic() + 120
    while (answer := client.post("/search/text", json=RED)).status_code != 200:
        assert_problem(answer, 503, "The database of the vectors does not answer")
        assert time.monotonic() < deadline
    assert names(answer) == before
    assert client.get("/readyz").json() == {"status": "ready"}
