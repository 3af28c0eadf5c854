"""A generation is opened only as it was published; anything else is refused by name."""

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import faiss
import numpy as np
import pytest
from published_collection import publish_collection
from toy_encoder import ToyEncoder

from indexer.errors import DamagedGenerationError, ModelMismatchError, NoGenerationError
from indexer.layout import CollectionLayout
from indexer.store.faiss_ivf import IvfStore
from indexer.store.generation import current_pointer, open_current

PATHS = [Path("/photos/b.jpg"), Path("/photos/a.jpg"), Path("/photos/c.jpg")]


@pytest.fixture
def layout(tmp_path) -> CollectionLayout:
    encoder = ToyEncoder()
    vectors = encoder.encode_texts(["red", "green", "blue"])
    publish_collection(tmp_path, "toy", PATHS, vectors, encoder, {PATHS[0]: ["something red"]})
    return CollectionLayout(tmp_path / "collections" / "toy")


def rewrite(layout: CollectionLayout, name: str, content: bytes, **claims: object) -> None:
    """Change a file and make every hash agree, as a forger would; ``claims`` go into the manifest's vector set."""
    folder = layout.generation(1)
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for entry in manifest["vector_sets"]:
        if entry["index_file"] == name:
            entry.update(claims)
    for entry in manifest["files"]:
        data = (folder / entry["name"]).read_bytes()
        entry.update(bytes=len(data), sha256=sha256(data).hexdigest())
    forged = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(forged)
    pointer = {"generation": 1, "manifest_sha256": sha256(forged).hexdigest()}
    layout.pointer.write_text(json.dumps(pointer))


def test_what_was_published_can_be_searched(layout):
    encoder = ToyEncoder()
    with open_current(layout.root) as generation:
        assert (generation.number, generation.models) == (1, ("toy",))
        images = generation.vector_set("toy", "image")
        _, rows = images.store.search(encoder.encode_texts(["blue"]), 1)
        assert generation.catalog.images_at(rows[0])[0].name == "c.jpg"
        np.testing.assert_array_equal(images.vectors([2]), encoder.encode_texts(["blue"]))
        assert (images.dimension, images.index_kind, images.exact, images.recall_at_10) == (4, "flat", True, 1.0)
        _, rows = generation.vector_set("toy", "text").store.search(encoder.encode_texts(["red"]), 1)
        assert generation.catalog.captions_at(rows[0])[0].text == "something red"


def test_rows_outside_the_set_are_an_error(layout):
    with open_current(layout.root) as generation:
        images = generation.vector_set("toy", "image")
        for rows in ([-1], [3]):
            with pytest.raises(IndexError, match="0 to 2"):
                images.vectors(rows)
        assert images.vectors([]).shape == (0, 4)


def test_a_collection_without_captions_has_an_empty_text_side(tmp_path):
    encoder = ToyEncoder()
    publish_collection(tmp_path, "bare", PATHS[:1], encoder.encode_texts(["red"]), encoder)
    with open_current(tmp_path / "collections" / "bare") as generation:
        texts = generation.vector_set("toy", "text")
        assert texts.store.size == 0
        assert (texts.store.search(encoder.encode_texts(["red"]), 5)[1] == -1).all()


def test_another_model_is_refused_and_both_are_named(layout):
    with open_current(layout.root) as generation, pytest.raises(ModelMismatchError, match=r"toy.*not with other"):
        generation.vector_set("other", "image")


def test_nothing_published_is_told_apart_from_damage(tmp_path):
    assert current_pointer(tmp_path) is None
    with pytest.raises(NoGenerationError):
        open_current(tmp_path)
    (tmp_path / "CURRENT").write_text("7")
    with pytest.raises(DamagedGenerationError, match="CURRENT"):
        open_current(tmp_path)


FILES = ["catalog.sqlite", "toy.image.faiss", "toy.image.vectors.npy", "toy.text.faiss", "toy.text.vectors.npy"]


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_one_flipped_bit_in_any_file_is_refused_by_name(layout, name):
    path = layout.generation(1) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedGenerationError, match=name):
        open_current(layout.root)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_or_shortened_file_is_refused_by_name(layout, name):
    path = layout.generation(1) / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedGenerationError, match=name):
        open_current(layout.root)
    path.unlink()
    with pytest.raises(DamagedGenerationError, match=name):
        open_current(layout.root)


def test_an_index_that_contradicts_the_manifest_is_refused(layout, tmp_path):
    other = faiss.IndexFlatIP(4)
    other.add(np.ones((9, 4), np.float32))
    rewrite(layout, "toy.image.faiss", faiss.serialize_index(other).tobytes())
    with pytest.raises(DamagedGenerationError, match=r"toy.image.faiss holds 9 x 4"):
        open_current(layout.root)


def test_an_approximate_index_is_opened_with_its_parameters(layout):
    vectors = ToyEncoder().encode_texts(["green", "red", "blue"])  # in the order of the paths
    IvfStore.build(vectors, lists=2, probes=2).save(layout.root / "ivf")
    claims = {"index_kind": "ivf_sq8", "exact": False, "index_parameters": {"lists": 2, "probes": 2}}
    rewrite(layout, "toy.image.faiss", (layout.root / "ivf").read_bytes(), **claims)
    with open_current(layout.root) as generation:
        images = generation.vector_set("toy", "image")
        assert (images.index_kind, images.exact) == ("ivf_sq8", False)
        scores, rows = images.store.search(vectors, 1)
        assert rows[:, 0].tolist() == [0, 1, 2]
        np.testing.assert_allclose(scores[:, 0], 1, atol=1e-6)
    rewrite(layout, "toy.image.faiss", (layout.root / "ivf").read_bytes(), index_parameters={"probes": 2})
    with pytest.raises(DamagedGenerationError, match=r"toy.image.faiss"):
        open_current(layout.root)


def test_an_index_of_another_kind_is_refused(layout):
    rewrite(layout, "toy.image.faiss", faiss.serialize_index(faiss.IndexFlatL2(4)).tobytes())
    with pytest.raises(DamagedGenerationError, match=r"toy.image.faiss"):
        open_current(layout.root)
    rewrite(layout, "toy.image.faiss", b"no index at all", index_kind="hnsw")
    with pytest.raises(DamagedGenerationError, match="kind 'hnsw'"):
        open_current(layout.root)
    rewrite(layout, "toy.image.faiss", b"no index at all", index_kind="flat")
    with pytest.raises(DamagedGenerationError, match=r"toy.image.faiss"):
        open_current(layout.root)


def test_vectors_that_would_need_unpickling_are_refused(layout, tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"not": "numbers"}], dtype=object), allow_pickle=True)
    rewrite(layout, "toy.image.vectors.npy", (tmp_path / "objects.npy").read_bytes())
    with pytest.raises(DamagedGenerationError, match=r"toy.image.vectors.npy"):
        open_current(layout.root)


def test_counts_that_the_catalog_contradicts_are_refused(layout, tmp_path):
    encoder = ToyEncoder()
    publish_collection(tmp_path, "fewer", PATHS[:1], encoder.encode_texts(["red"]), encoder)
    smaller = CollectionLayout(tmp_path / "collections" / "fewer").generation(1) / "catalog.sqlite"
    rewrite(layout, "catalog.sqlite", smaller.read_bytes())
    with pytest.raises(DamagedGenerationError, match="holds 1 images"):
        open_current(layout.root)


def test_a_manifest_of_a_later_schema_is_refused(layout):
    path = layout.generation(1) / "manifest.json"
    later = path.read_bytes().replace(b'"schema_version": 1', b'"schema_version": 2')
    path.write_bytes(later)
    layout.pointer.write_text(json.dumps({"generation": 1, "manifest_sha256": sha256(later).hexdigest()}))
    with pytest.raises(DamagedGenerationError, match="this version"):
        open_current(layout.root)


def test_an_open_generation_survives_the_deletion_of_its_files(layout):
    with open_current(layout.root) as generation:
        shutil.rmtree(layout.root)
        assert generation.vector_set("toy", "image").vectors([0, 1, 2]).shape == (3, 4)
        assert len(generation.catalog.images_at([0, 1, 2])) == 3


def test_many_threads_read_a_generation_whose_files_are_gone(layout):
    """Each thread needs a connection of its own, and none can be opened any more."""
    threads = 12
    together = threading.Barrier(threads)

    def read(_: int) -> int:
        together.wait()
        return sum(len(generation.catalog.images_at([0, 1, 2])) for _ in range(20))

    with open_current(layout.root) as generation:
        shutil.rmtree(layout.root)
        with ThreadPoolExecutor(threads) as pool:
            assert list(pool.map(read, range(threads))) == [60] * threads
