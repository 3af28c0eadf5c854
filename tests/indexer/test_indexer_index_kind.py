"""A kind of index is one file and one line in the table: nothing else has to know it."""

from pathlib import Path

import numpy as np
import pytest
from published_collection import publish_collection
from toy_encoder import ToyEncoder
from toy_index_kind import OctantKind, OctantStore

from indexer.collections import verify_collection
from indexer.errors import DamagedGenerationError
from indexer.store import index_kind
from indexer.store.base import IndexDescription
from indexer.store.generation import open_current
from indexer.store.index_kind import KINDS, kind_named

PATHS = [Path(f"/photos/{number:03}.jpg") for number in range(120)]


@pytest.fixture
def table(monkeypatch):
    """The table with one more line, before the others."""
    monkeypatch.setattr(index_kind, "KINDS", {"octants": OctantKind(), **KINDS})


def directions(count: int) -> np.ndarray:
    vectors = np.random.default_rng(1).standard_normal((count, 4)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_table_is_by_name_and_ends_with_a_kind_that_serves_everything():
    assert list(KINDS) == ["ivf_sq8", "flat"]
    assert all(kind_named(name) is kind and kind.name == name for name, kind in KINDS.items())
    *_, last = KINDS.values()
    assert last.exact
    assert [store.size for rows in (0, 1, 99) for store in last.build(directions(rows), seed=0)] == [0, 1, 99]
    with pytest.raises(ValueError, match="kind 'hnsw', which this version of Semblance does not know"):
        kind_named("hnsw")


def test_a_kind_is_described_by_its_name_and_its_measured_recall():
    assert KINDS["flat"].describe(1.0) == IndexDescription("flat", exact=True, recall_at_10=1.0)
    assert KINDS["ivf_sq8"].describe(0.98) == IndexDescription("ivf_sq8", exact=False, recall_at_10=0.98)


def test_a_new_kind_is_published_opened_and_searched_by_its_line_alone(table, tmp_path):
    encoder, vectors = ToyEncoder(), directions(120)
    publish_collection(tmp_path, "toy", PATHS, vectors, encoder, {PATHS[0]: ["red"], PATHS[1]: ["green"]})
    root = tmp_path / "collections" / "toy"
    with open_current(root) as generation:
        images = generation.vector_set("toy", "image")
        assert isinstance(images.store, OctantStore)
        assert images.entry.index_kind == "octants"
        assert images.entry.index_file == "toy.image.octants.json"
        assert images.entry.index_parameters == {"differences": images.store.differences}
        assert 0 < images.store.differences < 4  # not the first that it offered: that finds too little
        assert 0.98 <= images.entry.recall_at_10 <= 1.0
        assert not images.entry.exact
        scores, rows = images.store.search(vectors[7:8], 3)
        assert rows[0, 0] == 7
        np.testing.assert_allclose(scores[0], images.matrix[rows[0]] @ vectors[7], atol=1e-6)
        assert images.store.search(vectors[7:8], 1, allowed=np.arange(120) == 7)[1].tolist() == [[7]]
    assert verify_collection(tmp_path, "toy").problems == ()
    (root / "generations" / "000001" / "toy.image.octants.json").write_text("[]")
    (problem,) = verify_collection(tmp_path, "toy").problems
    assert problem.startswith("toy.image.octants.json has 2 bytes")


def test_where_a_new_kind_is_not_worth_it_the_next_line_serves(table, tmp_path):
    encoder = ToyEncoder()
    publish_collection(tmp_path, "toy", PATHS, directions(120), encoder)
    with open_current(tmp_path / "collections" / "toy") as generation:
        assert generation.vector_set("toy", "text").entry.index_kind == "flat"  # no captions


def test_without_its_line_what_it_made_is_refused_by_name(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(index_kind, "KINDS", {"octants": OctantKind(), **KINDS})
        publish_collection(tmp_path, "toy", PATHS, directions(120), ToyEncoder())
    with pytest.raises(DamagedGenerationError, match=r"manifest.json names the index kind 'octants'"):
        open_current(tmp_path / "collections" / "toy")
