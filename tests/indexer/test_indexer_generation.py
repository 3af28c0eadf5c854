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
from indexer.store import generation, index_kind
from indexer.store.faiss_flat import FlatKind
from indexer.store.faiss_ivf import IvfKind
from indexer.store.generation import current_pointer, open_current
from indexer.store.manifest import Manifest, Pointer

PATHS = [Path("/photos/b.jpg"), Path("/photos/a.jpg"), Path("/photos/c.jpg")]


@pytest.fixture
def layout(tmp_path) -> CollectionLayout:
    encoder = ToyEncoder()
    vectors = encoder.encode_texts(["red", "green", "blue"])
    publish_collection(tmp_path, "toy", PATHS, vectors, encoder, {PATHS[0]: ["something red"]})
    return CollectionLayout(tmp_path / "collections" / "toy")


@pytest.fixture
def approximate(tmp_path, monkeypatch) -> CollectionLayout:
    """A collection whose images have an approximate index."""
    monkeypatch.setattr(index_kind, "KINDS", {"ivf_sq8": IvfKind(above_rows=100), "flat": FlatKind()})
    vectors = np.random.default_rng(1).standard_normal((400, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    paths = [Path(f"/photos/{number:03}.jpg") for number in range(400)]
    publish_collection(tmp_path, "large", paths, vectors, ToyEncoder(), {paths[0]: ["something red"]})
    return CollectionLayout(tmp_path / "collections" / "large")


def rewrite(layout: CollectionLayout, name: str, content: bytes, **claims: object) -> None:
    """Change or add a file and make every hash agree, as a forger would; ``claims`` go into the images' entry."""
    folder = layout.generation(1)
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    images, _ = manifest["vector_sets"]
    images.update(claims)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}
    manifest["files"] = [
        {"name": name, "bytes": len(data), "sha256": sha256(data).hexdigest()} for name, data in files.items()
    ]
    forged = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(forged)
    pointer = {"generation": 1, "manifest_sha256": sha256(forged).hexdigest()}
    layout.pointer.write_text(json.dumps(pointer))


def test_what_was_published_can_be_searched(layout):
    encoder = ToyEncoder()
    with open_current(layout.root) as opened:
        assert (opened.number, opened.models) == (1, ("toy",))
        assert opened.pointer == current_pointer(layout.root)
        images = opened.vector_set("toy", "image")
        _, rows = images.store.search(encoder.encode_texts(["blue"]), 1)
        assert opened.catalog.images_at(rows[0])[0].name == "c.jpg"
        np.testing.assert_array_equal(images.vectors([2]), encoder.encode_texts(["blue"]))
        assert images.identity == encoder.card.identity
        assert images.dimension == 4
        entry = images.entry
        assert (entry.rows, entry.index_kind, entry.exact, entry.recall_at_10) == (3, "flat", True, 1.0)
        assert (entry.index_file, entry.index_parameters) == (None, {})
        _, rows = opened.vector_set("toy", "text").store.search(encoder.encode_texts(["red"]), 1)
        assert opened.catalog.captions_at(rows[0])[0].text == "something red"


def test_rows_outside_the_set_are_an_error(layout):
    with open_current(layout.root) as opened:
        images = opened.vector_set("toy", "image")
        for rows in ([-1], [3]):
            with pytest.raises(IndexError, match="0 to 2"):
                images.vectors(rows)
        assert images.vectors([]).shape == (0, 4)


def test_a_collection_without_captions_has_an_empty_text_side(tmp_path):
    encoder = ToyEncoder()
    publish_collection(tmp_path, "bare", PATHS[:1], encoder.encode_texts(["red"]), encoder)
    with open_current(tmp_path / "collections" / "bare") as opened:
        texts = opened.vector_set("toy", "text")
        assert texts.store.size == 0
        assert (texts.store.search(encoder.encode_texts(["red"]), 5)[1] == -1).all()


def test_another_model_is_refused_and_both_are_named(layout):
    with open_current(layout.root) as opened, pytest.raises(ModelMismatchError, match=r"toy.*not with other"):
        opened.vector_set("other", "image")


def test_nothing_published_is_told_apart_from_damage(tmp_path):
    assert current_pointer(tmp_path) is None
    with pytest.raises(NoGenerationError):
        open_current(tmp_path)
    (tmp_path / "CURRENT").write_text("7")
    with pytest.raises(DamagedGenerationError, match="CURRENT"):
        open_current(tmp_path)


FILES = ["catalog.sqlite", "toy.image.vectors.npy", "toy.text.vectors.npy"]


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


def flat_index(vectors: np.ndarray) -> bytes:
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return faiss.serialize_index(index).tobytes()


def test_a_generation_with_a_flat_index_file_as_published_before_answers_the_same(layout):
    queries = ToyEncoder().encode_texts(["red", "yellow"])
    with open_current(layout.root) as opened:
        images = opened.vector_set("toy", "image")
        expected = [answer.tolist() for answer in images.store.search(queries, 3)]
        vectors = images.vectors(range(3))
    rewrite(layout, "toy.image.faiss", flat_index(vectors), index_file="toy.image.faiss")
    with open_current(layout.root) as opened:
        store = opened.vector_set("toy", "image").store
        assert [answer.tolist() for answer in store.search(queries, 3)] == expected
    (layout.generation(1) / "toy.image.faiss").write_bytes(b"changed")
    with pytest.raises(DamagedGenerationError, match=r"toy.image.faiss has 7 bytes"):
        open_current(layout.root)


def test_a_manifest_that_never_heard_of_sets_without_an_index_file_still_parses(layout):
    for entry in (manifest := json.loads((layout.generation(1) / "manifest.json").read_bytes()))["vector_sets"]:
        assert entry.pop("index_file") is None
    (layout.generation(1) / "manifest.json").write_text(json.dumps(manifest))
    digest = sha256((layout.generation(1) / "manifest.json").read_bytes()).hexdigest()
    layout.pointer.write_text(json.dumps({"generation": 1, "manifest_sha256": digest}))
    with open_current(layout.root) as opened:
        assert opened.vector_set("toy", "image").entry.index_file is None


def test_an_approximate_index_is_opened_with_its_parameters(approximate):
    with open_current(approximate.root) as opened:
        images = opened.vector_set("toy", "image")
        entry = images.entry
        assert (entry.index_kind, entry.exact, entry.index_file) == ("ivf_sq8", False, "toy.image.faiss")
        assert entry.index_parameters == {"lists": 64, "probes": images.store.probes}
        assert 0.98 <= entry.recall_at_10 <= 1
        scores, rows = images.store.search(images.vectors(range(400)), 1)
        assert np.mean(rows[:, 0] == np.arange(400)) > 0.98
        np.testing.assert_allclose(scores[:, 0], 1, atol=1e-3)
        assert opened.vector_set("toy", "text").entry.index_kind == "flat"


@pytest.mark.parametrize("name", ["toy.image.faiss", "toy.image.vectors.npy"])
def test_a_damaged_approximate_index_is_refused_by_name(approximate, name):
    path = approximate.generation(1) / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedGenerationError, match=name):
        open_current(approximate.root)


def test_an_index_that_contradicts_the_manifest_is_refused(approximate):
    name = "toy.image.faiss"
    content = (approximate.generation(1) / name).read_bytes()
    rewrite(approximate, name, content, exact=True)
    with pytest.raises(DamagedGenerationError, match=r"toy.image.faiss has .*400, 4, False.* claims .*400, 4, True"):
        open_current(approximate.root)
    rewrite(approximate, name, content, exact=False)
    with open_current(approximate.root):
        pass
    index = faiss.deserialize_index(np.frombuffer(content, np.uint8))
    index.add(np.ones((9, 4), np.float32))
    rewrite(approximate, name, faiss.serialize_index(index).tobytes())
    with pytest.raises(DamagedGenerationError, match=r"toy.image.faiss has .*409, 4, False.* claims .*400, 4, False"):
        open_current(approximate.root)


def test_an_exact_index_that_the_manifest_calls_approximate_is_refused(layout):
    vectors = layout.generation(1) / "toy.image.vectors.npy"
    rewrite(layout, vectors.name, vectors.read_bytes(), exact=False)
    with pytest.raises(DamagedGenerationError, match=r"/manifest.json has .*3, 4, True.* claims .*3, 4, False"):
        open_current(layout.root)


def test_a_generation_that_two_publishes_delete_while_it_is_opened_gives_way_to_the_newest(
    layout, tmp_path, monkeypatch
):
    encoder, read = ToyEncoder(), generation.read_manifest

    def publish() -> None:
        publish_collection(tmp_path, "toy", PATHS, encoder.encode_texts(["red", "green", "blue"]), encoder)

    def late(where: CollectionLayout, pointer: Pointer) -> Manifest:
        if pointer.generation == 1:
            publish()
            publish()
        return read(where, pointer)

    monkeypatch.setattr(generation, "read_manifest", late)
    with open_current(layout.root) as opened:
        assert (opened.number, opened.pointer.generation) == (3, 3)


def test_an_index_of_another_kind_is_refused(approximate):
    name = "toy.image.faiss"
    content = (approximate.generation(1) / name).read_bytes()
    for claims, damage in (
        ({"index_parameters": {"probes": 2}}, r"toy.image.faiss needs an index file and the parameters"),
        ({"index_parameters": {"lists": 2, "probes": 2}}, r"toy.image.faiss holds 64 lists, not 2"),
        ({"index_file": None}, r"manifest.json needs an index file"),
        ({"index_kind": "hnsw"}, r"manifest.json names the index kind 'hnsw', which this version of Semblance"),
        ({"index_kind": "flat"}, r"toy.image.faiss has .*True.* claims .*False"),
    ):
        sound = {"index_kind": "ivf_sq8", "index_file": name, "index_parameters": {"lists": 64, "probes": 8}}
        rewrite(approximate, name, content, **sound | claims)
        with pytest.raises(DamagedGenerationError, match=damage):
            open_current(approximate.root)
    for content in (flat_index(np.ones((400, 4), np.float32)), b"no index at all"):
        rewrite(approximate, name, content, **sound)
        with pytest.raises(DamagedGenerationError, match=r"toy.image.faiss"):
            open_current(approximate.root)


def test_vectors_of_another_form_are_refused(layout):
    for vectors, held in (
        (np.zeros((3, 4), np.float64), r"holds float64 \(3, 4\)"),
        (np.zeros((3, 5), np.float32), r"holds float32 \(3, 5\)"),
        (np.zeros((4, 4), np.float32), r"holds float32 \(4, 4\)"),
    ):
        np.save(layout.root / "other.npy", vectors)
        rewrite(layout, "toy.image.vectors.npy", (layout.root / "other.npy").read_bytes())
        with pytest.raises(
            DamagedGenerationError, match=rf"toy.image.vectors.npy {held}, which the manifest contradicts"
        ):
            open_current(layout.root)


def test_vectors_that_would_need_unpickling_are_refused(layout, tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{"not": "numbers"}], dtype=object), allow_pickle=True)
    rewrite(layout, "toy.image.vectors.npy", (tmp_path / "objects.npy").read_bytes())
    with pytest.raises(DamagedGenerationError, match=r"toy.image.vectors.npy cannot be read \(.*Python objects"):
        open_current(layout.root)


def test_counts_that_the_catalog_contradicts_are_refused(layout, tmp_path):
    encoder = ToyEncoder()
    publish_collection(tmp_path, "fewer", PATHS[:1], encoder.encode_texts(["red"]), encoder)
    smaller = CollectionLayout(tmp_path / "collections" / "fewer").generation(1) / "catalog.sqlite"
    rewrite(layout, "catalog.sqlite", smaller.read_bytes())
    with pytest.raises(
        DamagedGenerationError, match=r"catalog.sqlite holds 1 images and 0 captions, which the manifest"
    ):
        open_current(layout.root)


def test_a_manifest_of_a_later_schema_is_refused(layout):
    path = layout.generation(1) / "manifest.json"
    later = path.read_bytes().replace(b'"schema_version": 1', b'"schema_version": 2')
    path.write_bytes(later)
    layout.pointer.write_text(json.dumps({"generation": 1, "manifest_sha256": sha256(later).hexdigest()}))
    with pytest.raises(DamagedGenerationError, match="this version"):
        open_current(layout.root)


def test_an_open_generation_survives_the_deletion_of_its_files(layout):
    with open_current(layout.root) as opened:
        shutil.rmtree(layout.root)
        assert opened.vector_set("toy", "image").vectors([0, 1, 2]).shape == (3, 4)
        assert len(opened.catalog.images_at([0, 1, 2])) == 3


def test_many_threads_read_a_generation_whose_files_are_gone(layout):
    """Each thread needs a connection of its own, and none can be opened any more."""
    threads = 12
    together = threading.Barrier(threads)

    def read(_: int) -> int:
        together.wait()
        return sum(len(opened.catalog.images_at([0, 1, 2])) for _ in range(20))

    with open_current(layout.root) as opened:
        shutil.rmtree(layout.root)
        with ThreadPoolExecutor(threads) as pool:
            assert list(pool.map(read, range(threads))) == [60] * threads
