"""A storage that is no folder of this machine is one more photo source: indexing knows no difference."""

import io

import pytest
from PIL import Image
from toy_source import MemorySource

from indexer.errors import EmptyCollectionError, SourceError
from indexer.sources import opening
from indexer.sources.base import PhotoSource

ROOT = "memory://photos"


def picture(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (12, 9), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def files(monkeypatch) -> dict[str, bytes]:
    """The files of a storage whose addresses begin with ``memory://``."""
    held: dict[str, bytes] = {}

    def source(roots) -> PhotoSource:
        return MemorySource(roots, held)

    monkeypatch.setitem(opening.SOURCES, "memory", source)
    return held


def test_a_storage_is_indexed_and_brought_up_to_date(workshop, files, write):
    files |= {f"{ROOT}/{name}.png": picture(name) for name in ("red", "green")}
    files |= {f"{ROOT}/sub/blue.png": picture("blue"), f"{ROOT}/sub/blue.txt": b"the sea\n", f"{ROOT}/x.svg": b"raw"}
    files |= {f"{ROOT}/broken.jpg": b"not an image"}
    captions = write("token.txt", "sub/blue.png#0\tthe sky\nred.png#0\tfire\nabsent.png#0\tnothing\n")
    report = workshop.index(ROOT, captions=captions)
    assert (report.images, report.added, report.captions, report.unsupported) == (3, 3, 3, {".svg": 1})
    assert report.failed == ((f"{ROOT}/broken.jpg", "not an image in JPEG, PNG, WebP, GIF, AVIF, TIFF or BMP format"),)
    assert report.unmatched_captions == ("absent.png",)
    assert workshop.captions() == {"green.png": (), "red.png": ("fire",), "blue.png": ("the sky", "the sea")}
    with workshop.open() as generation:
        (blue,) = [record for record in generation.catalog.images_at(range(3)) if record.name == "blue.png"]
        assert generation.catalog.original_keys(blue.id) == [f"{ROOT}/sub/blue.png"]
        assert generation.catalog.roots() == [ROOT]
    assert workshop.index(ROOT, captions=captions).generation is None
    del files[f"{ROOT}/red.png"]
    files[f"{ROOT}/green.png"] = picture("lime")
    report = workshop.index(f"{ROOT}/sub", add=True)
    assert (report.generation, report.images, report.added, report.deleted) == (2, 2, 1, 2)
    assert workshop.encoder.images_encoded == 4


def test_a_storage_that_is_empty_or_unknown_is_refused(workshop, files):
    with pytest.raises(SourceError, match=f"{ROOT} does not exist"):
        workshop.index(ROOT)
    files[f"{ROOT}/notes.txt"] = b"words"
    with pytest.raises(EmptyCollectionError, match=f"no image found in {ROOT}"):
        workshop.index(ROOT)
    with pytest.raises(SourceError, match="nowhere:// is no storage"):
        workshop.index("nowhere://photos")
    assert not workshop.root.exists()


def test_a_collection_is_of_one_storage(workshop, files):
    files[f"{ROOT}/red.png"] = picture("red")
    workshop.paint_all()
    with pytest.raises(SourceError, match="in one storage, not in several"):
        workshop.index(ROOT, workshop.photos)
