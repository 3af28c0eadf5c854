"""Milvus answers as the brute-force store does, in this process and as a server of its own, whatever happens to it."""

import json
import threading
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
from test_indexer_stores import DATA, FILTERS, check_order, check_scores, clustered

from indexer.errors import StorageError, VectorsAwayError, VectorsGoneError, VectorsUrlMissingError
from indexer.store.base import IndexDescription, SavedIndex
from indexer.store.brute_force import BruteForceStore
from indexer.store.index_kind import MILVUS, VECTORS_URL, kind_named, kinds_at
from indexer.store.milvus_session import MilvusSession, failures_told, session, settings_from
from indexer.store.milvus_store import MilvusKind, MilvusStore, collection_name

RECALL_AT_LEAST = 0.95


@pytest.fixture(params=["lite", pytest.param("server", marks=pytest.mark.slow)])
def url(request, monkeypatch) -> str:
    address = (
        request.getfixturevalue("milvus_lite") if request.param == "lite" else request.getfixturevalue("milvus").url
    )
    monkeypatch.setenv(VECTORS_URL, address)
    monkeypatch.setenv("SEMBLANCE_VECTORS_TIMEOUT_S", "20")
    return address


def stem_in(folder: Path) -> Path:
    stem = folder / "collections" / "photo-graphs" / "generations" / ".staging-000007" / "toy.image"
    stem.parent.mkdir(parents=True, exist_ok=True)
    return stem


def built(vectors: np.ndarray, folder: Path) -> MilvusStore:
    """Return the first store as it comes back from its file."""
    stem = stem_in(folder)
    kind = MilvusKind(stem)
    store = next(kind.build(vectors, seed=0))
    return kind.open(kind.save(store, stem), vectors)


@pytest.fixture
def servers(url):
    server = session()
    assert server is not None
    yield server
    for name in server.names("semblance_"):
        server.drop(name)


@pytest.mark.parametrize(
    "data", [name if name == "clustered" else pytest.param(name, marks=pytest.mark.slow) for name in DATA]
)
@pytest.mark.parametrize("rows", [3000, 1])
def test_it_answers_as_the_oracle_does(servers, tmp_path, data, rows):
    vectors, asked = DATA[data](rows, 1), DATA[data](30, 2)
    store = built(vectors, tmp_path)
    assert (store.size, store.dimension) == vectors.shape
    for name, make in FILTERS.items():
        for k in (1, 10, rows + 3):
            allowed = make(rows)
            scores, found = store.search(asked, k, allowed=allowed)
            truth, _ = BruteForceStore(vectors).search(asked, k, allowed=allowed)
            assert (scores.shape, found.shape, scores.dtype, found.dtype) == ((30, k), (30, k), np.float32, np.int64)
            check_order(scores, found, allowed)
            check_scores(vectors, asked, scores, found)
            recall = np.mean(scores >= truth[:, -1:] - 1e-6)
            assert recall >= (1.0 if name in {"few", "one", "none"} else RECALL_AT_LEAST), (name, k)
            assert (np.isfinite(scores) == np.isfinite(truth)).all()


def test_a_set_is_named_by_collection_generation_model_and_side(servers, tmp_path):
    store = built(clustered(50, 1), tmp_path)
    assert store.name.endswith(store.name[-8:])
    _, identity, *rest = store.name.split("_")
    assert identity == (tmp_path / "collections" / "photo-graphs" / "vectors-id").read_text()
    assert "_".join(rest[:-1]) == "photo_graphs_000007_toy_image"
    assert servers.names("semblance_") == [store.name]
    assert servers.count(store.name) == 50
    assert collection_name(stem_in(tmp_path)) != store.name


def test_each_store_looks_at_more_of_one_graph(servers, tmp_path):
    stores = list(MilvusKind(stem_in(tmp_path)).build(clustered(50, 1), seed=0))
    assert [store.breadth for store in stores] == [64, 128, 256, 512]
    assert len({store.name for store in stores}) == 1
    assert not list(MilvusKind(stem_in(tmp_path)).build(clustered(0, 1), seed=0))


def test_an_alias_follows_for_others(servers, tmp_path):
    first, second = built(clustered(20, 1), tmp_path), built(clustered(30, 2), tmp_path)
    servers.point("semblance_alias", first.name)
    assert servers.count("semblance_alias") == 20
    servers.point("semblance_alias", second.name)
    assert servers.count("semblance_alias") == 30
    servers.drop(second.name)  # the alias goes with what it names
    assert servers.names("semblance_") == [first.name]


def test_what_the_file_names_must_be_there_and_fit(servers, tmp_path, monkeypatch):
    vectors, kind = clustered(20, 1), MilvusKind()
    store = built(vectors, tmp_path)
    file = stem_in(tmp_path).with_name("toy.image.milvus.json")
    assert json.loads(file.read_text())["collection"] == store.name
    with pytest.raises(ValueError, match="20 vectors, not 21"):
        kind.open(SavedIndex(file, {"breadth": 64}), clustered(21, 1))
    for saved in (SavedIndex(None, {"breadth": 64}), SavedIndex(file, {})):
        with pytest.raises(ValueError, match="needs an index file and the parameter breadth"):
            kind.open(saved, vectors)
    servers.drop(store.name)
    with pytest.raises(VectorsGoneError, match="not in the database"):
        kind.open(SavedIndex(file, {"breadth": 64}), vectors)
    with pytest.raises(VectorsGoneError):
        store.search(vectors[:1], 1)
    for text in ('{"collection": "other"}', "[]"):
        file.write_text(text)
        with pytest.raises(ValueError, match="names no collection"):
            kind.open(SavedIndex(file, {"breadth": 64}), vectors)
    file.write_text('{"collection": "semblance_x"}')
    monkeypatch.delenv(VECTORS_URL)
    with pytest.raises(VectorsUrlMissingError, match="SEMBLANCE_VECTORS_URL"):
        kind.open(SavedIndex(file, {"breadth": 64}), vectors)


def test_the_kind_is_tried_first_where_a_server_is_named_and_nowhere_else(monkeypatch, tmp_path, milvus_lite):
    monkeypatch.delenv(VECTORS_URL, raising=False)
    assert [kind.name for kind in kinds_at(stem_in(tmp_path))] == ["ivf_sq8", "flat"]
    assert not list(MilvusKind(stem_in(tmp_path)).build(clustered(9, 1), seed=0))
    monkeypatch.setenv(VECTORS_URL, milvus_lite)
    assert [kind.name for kind in kinds_at(stem_in(tmp_path))] == [MILVUS, "ivf_sq8", "flat"]
    assert kind_named(MILVUS).describe(0.99) == IndexDescription(MILVUS, exact=False, recall_at_10=0.99)


def test_settings_come_from_the_environment_and_are_refused_by_name():
    assert settings_from({}) is None
    found = settings_from({"SEMBLANCE_VECTORS_URL": "http://x", "SEMBLANCE_VECTORS_TIMEOUT_S": "2.5"})
    assert (found.url, found.timeout_s, found.consistency) == ("http://x", 2.5, "Bounded")
    with pytest.raises(StorageError, match="no number of seconds"):
        settings_from({"SEMBLANCE_VECTORS_URL": "http://x", "SEMBLANCE_VECTORS_KEEP_S": "soon"})
    with pytest.raises(StorageError, match="must be one of Strong, Bounded"):
        settings_from({"SEMBLANCE_VECTORS_URL": "http://x", "SEMBLANCE_VECTORS_CONSISTENCY": "weak"})


def test_a_server_that_is_not_there_is_told_as_such(monkeypatch, tmp_path, milvus_lite):
    monkeypatch.setenv(VECTORS_URL, "http://127.0.0.1:9")
    monkeypatch.setenv("SEMBLANCE_VECTORS_TIMEOUT_S", "1")
    with pytest.raises(VectorsAwayError, match="the database of the vectors does not answer"):
        next(MilvusKind(stem_in(tmp_path)).build(clustered(9, 1), seed=0))


@pytest.mark.slow
def test_searches_recover_when_a_server_killed_among_them_is_back(milvus, monkeypatch, tmp_path):
    monkeypatch.setenv(VECTORS_URL, milvus.url)
    monkeypatch.setenv("SEMBLANCE_VECTORS_TIMEOUT_S", "3")
    vectors = clustered(2000, 1)
    store, queries = built(vectors, tmp_path), clustered(4, 2)
    before = store.search(queries, 10)
    answers, failures, stop = [], [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(store.search(queries, 10))
            except VectorsAwayError as error:
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(answers) > 5)
        milvus.kill()
        until(lambda: len(failures) >= 3)
        with pytest.raises(VectorsAwayError):
            store.check()
        milvus.start()
        count = len(answers)
        until(lambda: len(answers) > count + 10)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        if not milvus.runs:
            milvus.start()
    for scores, rows in answers:  # of before and after: none wrong, none empty
        np.testing.assert_array_equal(rows, before[1])
        np.testing.assert_allclose(scores, before[0], atol=1e-6)
    store.check()
    assert MilvusSession(settings_from({"SEMBLANCE_VECTORS_URL": milvus.url})).count(store.name) == 2000


def until(condition) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_call_that_fails_is_told_by_its_details_and_not_by_its_class() -> None:
    with (
        grpc.insecure_channel("127.0.0.1:1") as channel,
        pytest.raises(VectorsAwayError, match=r"\(.*onnection refused\)"),
        failures_told(),
    ):
        channel.unary_unary("/no/call")(b"", timeout=20)
