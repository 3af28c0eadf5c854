"""Every kind of index beside the brute-force store, through the operations of a collection's life, drawn at random.

One life is a sequence of builds, searches, swaps back and deletions. At each search every kind must answer as the
oracle of the generation that is current: with the same rows where it is exact, and elsewhere, over all searches of the
test, with 95 of 100 of the ten nearest, for sentences and for images.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_indexer_stores import check_order, check_scores, unit

from indexer.store.base import NO_ROW
from indexer.store.brute_force import BruteForceStore
from indexer.store.faiss_flat import FlatKind
from indexer.store.faiss_ivf import IvfKind
from indexer.store.index_kind import VECTORS_URL
from indexer.store.milvus_session import session
from indexer.store.milvus_store import MilvusKind

DIMENSION = 16
RECALL_AT_LEAST = 0.95
SCORES_WITHIN = 1e-3

_SEED = st.integers(0, 2**20)
_SEARCH = st.tuples(
    st.just("search"), _SEED, st.sampled_from(["image", "text"]), st.sampled_from([1, 3, 10, 40]),
    st.sampled_from([None, None, 0.5, 0.2, 0.03, 0.0]),
)  # fmt: skip
_BUILD = st.tuples(st.just("build"), _SEED, st.sampled_from([1, 8, 300, 900]))
_OTHER = st.tuples(st.sampled_from(["back", "delete"]), _SEED)


def operation(draw) -> tuple:
    """Draw one: of a hundred some three build, five swap or delete, and the others search."""
    chance = draw(st.integers(0, 99))
    return draw(_BUILD if chance < 3 else _OTHER if chance < 8 else _SEARCH)


@st.composite
def lives(draw, operations: int) -> list[tuple]:
    return [draw(_BUILD), *(operation(draw) for _ in range(operations - 1))]


class Collection:
    """The generations of one collection, of which one is current; each has its vectors, its oracle and all stores."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.generations, self.current, self.number = folder, {}, 0, 0
        self.found: dict[tuple[str, str], list[float]] = defaultdict(list)

    def build(self, seed: int, rows: int) -> None:
        self.number += 1
        vectors = images(seed, rows)
        stem = self.folder / "collections" / "c" / "generations" / f"{self.number:06d}" / "toy.image"
        stem.parent.mkdir(parents=True, exist_ok=True)
        stores = {}
        for kind in (FlatKind(), IvfKind(above_rows=200), MilvusKind(stem)):
            if built := list(kind.build(vectors, seed=0)):
                stores[kind.name] = kind.exact, kind.open(kind.save(built[-1], stem), vectors)
        assert {"flat", "milvus_hnsw"} <= stores.keys()
        self.generations[self.number] = seed, vectors, BruteForceStore(vectors), stores
        self.current = self.number

    def back(self, seed: int) -> None:
        numbers = sorted(self.generations)
        self.current = numbers[seed % len(numbers)]

    def delete(self, seed: int) -> None:
        others = [number for number in self.generations if number != self.current]
        if others:
            self.drop(others[seed % len(others)])

    def drop(self, number: int) -> None:
        session().drop(self.generations.pop(number)[3]["milvus_hnsw"][1].name)

    def search(self, seed: int, side: str, k: int, kept: float | None) -> None:
        of, vectors, oracle, stores = self.generations[self.current]
        queries = images(of, 4, seed) if side == "image" else sentences(of, 4, seed)
        allowed = None if kept is None else np.random.default_rng(seed).random(len(vectors)) < kept
        truth, true_rows = oracle.search(queries, k, allowed=allowed)
        for name, (exact, store) in stores.items():
            scores, rows = store.search(queries, k, allowed=allowed)
            check_order(scores, rows, allowed)
            check_scores(vectors, queries, scores, rows)
            there = np.isfinite(truth)
            assert ((rows != NO_ROW) == there).all() or not exact
            if exact:
                np.testing.assert_allclose(scores[there], truth[there], atol=SCORES_WITHIN)
                assert np.mean(rows == true_rows) >= 0.999, name
            elif k == 10 and there.any():
                self.found[name, side].append(np.mean((scores >= truth[:, -1:] - 1e-6)[there]))


def images(seed: int, count: int, of: int = 0) -> np.ndarray:
    """Vectors around 20 centres, as photographs are."""
    centres = np.random.default_rng(seed).standard_normal((20, DIMENSION))
    chance = np.random.default_rng((seed, of, 1))
    return unit(centres[chance.integers(0, 20, count)] + 0.7 * chance.standard_normal((count, DIMENSION)))


def sentences(seed: int, count: int, of: int) -> np.ndarray:
    """Vectors near some photographs', all moved the same way: the two sides of a model lie apart."""
    apart = np.random.default_rng((seed, 2)).standard_normal(DIMENSION)
    return unit(images(seed, count, of + 1) + 0.3 * unit(apart[None]))


def live(folder: Path, lives_to_live: int, operations: int) -> dict[tuple[str, str], float]:
    """Live so many lives; return the recall at 10 of each approximate kind and side."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)

    @settings(
        max_examples=lives_to_live, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(lives(operations))
    def one(life: list[tuple]) -> None:
        collection = Collection(folder)
        try:
            for what, *given_to in life:
                getattr(collection, what)(*given_to)
        finally:
            for number in list(collection.generations):
                collection.drop(number)
        for key, shares in collection.found.items():
            found[key] += shares

    one()
    return {key: float(np.mean(shares)) for key, shares in found.items()}


@pytest.mark.parametrize(
    ("where", "lives_to_live", "operations"),
    [
        ("milvus_lite", 4, 40),
        pytest.param("milvus_lite", 100, 100, marks=pytest.mark.long),
        pytest.param("milvus", 5, 60, marks=pytest.mark.long),
    ],
)
def test_every_kind_answers_as_the_oracle_does_through_the_lives_of_collections(
    request, tmp_path, monkeypatch, where, lives_to_live, operations
):
    server = request.getfixturevalue(where)
    monkeypatch.setenv(VECTORS_URL, server if where == "milvus_lite" else server.url)
    monkeypatch.setenv("SEMBLANCE_VECTORS_TIMEOUT_S", "30")
    recall = live(tmp_path, lives_to_live, operations)
    assert recall.keys() == {(kind, side) for kind in ("ivf_sq8", "milvus_hnsw") for side in ("image", "text")}
    assert min(recall.values()) >= RECALL_AT_LEAST, recall
