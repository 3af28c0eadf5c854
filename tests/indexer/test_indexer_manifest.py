"""The manifest and the pointer are trusted only where hashes, sizes and forms agree."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from published_collection import publish_collection
from toy_encoder import ToyEncoder

from indexer.errors import DamagedGenerationError, NoGenerationError
from indexer.layout import CollectionLayout
from indexer.store.manifest import Manifest, Pointer, damaged_files, read_manifest, read_pointer


@pytest.fixture
def layout(tmp_path) -> CollectionLayout:
    encoder = ToyEncoder()
    publish_collection(tmp_path, "toy", [Path("/a.jpg")], encoder.encode_texts(["red"]), encoder)
    return CollectionLayout(tmp_path / "collections" / "toy")


def published(layout: CollectionLayout) -> Manifest:
    return read_manifest(layout, read_pointer(layout))


def test_the_pointer_names_the_generation_and_the_hash_of_its_manifest(layout):
    pointer = read_pointer(layout)
    assert pointer == Pointer(
        generation=1, manifest_sha256=sha256((layout.generation(1) / "manifest.json").read_bytes()).hexdigest()
    )
    manifest = read_manifest(layout, pointer)
    assert (manifest.generation, manifest.collection, manifest.images) == (1, "toy", 1)
    assert [entry.identity for entry in manifest.vector_sets] == [ToyEncoder().card.identity] * 2


def test_a_missing_pointer_means_that_nothing_is_published_and_an_unreadable_one_damage(layout):
    layout.pointer.write_text('{"generation": 1}')
    with pytest.raises(DamagedGenerationError, match=r"/CURRENT is not a pointer to a generation;"):
        read_pointer(layout)
    layout.pointer.unlink()
    with pytest.raises(NoGenerationError, match="'toy' has no finished index"):
        read_pointer(layout)


def test_a_manifest_that_is_missing_or_changed_is_refused(layout):
    pointer, path = read_pointer(layout), layout.generation(1) / "manifest.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DamagedGenerationError, match=r"/manifest.json does not have the SHA-256 that CURRENT names;"):
        read_manifest(layout, pointer)
    path.unlink()
    with pytest.raises(DamagedGenerationError, match=r"/manifest.json cannot be read \(No such file or directory\);"):
        read_manifest(layout, pointer)


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": 2},
        {"a_later_field": 1},
        {"vector_sets": None},
    ],
)
def test_a_manifest_of_a_form_that_is_not_known_is_refused_by_name(layout, change):
    path = layout.generation(1) / "manifest.json"
    later = json.dumps(json.loads(path.read_bytes()) | change).encode()
    path.write_bytes(later)
    with pytest.raises(
        DamagedGenerationError, match=r"/manifest.json has a form that this version of Semblance does not know;"
    ):
        read_manifest(layout, Pointer(generation=1, manifest_sha256=sha256(later).hexdigest()))


def test_every_file_that_is_missing_or_changed_is_named_with_what_is_wrong(layout):
    folder, manifest = layout.generation(1), published(layout)
    assert list(damaged_files(folder, manifest)) == []
    images, texts, catalog = (
        folder / name for name in ("toy.image.vectors.npy", "toy.text.vectors.npy", "catalog.sqlite")
    )
    size = images.stat().st_size
    images.write_bytes(images.read_bytes() + b"x" * 2000)
    texts.write_bytes(texts.read_bytes()[:-1] + b"x")
    catalog.unlink()
    damages = {damage.path: damage.reason for damage in damaged_files(folder, manifest)}
    assert damages == {
        images: f"has {size + 2000:,} bytes instead of {size:,}",
        texts: "does not have the SHA-256 that the manifest names",
        catalog: "cannot be read (No such file or directory)",
    }
