"""Images are told from other files by their suffixes, in whatever storage they are."""

import unicodedata

import pytest
from toy_source import MemorySource

from indexer.ingest.scan import scan

ROOT = "memory://photos"


def source(*names: str, closed: tuple[str, ...] = ()) -> MemorySource:
    return MemorySource([ROOT], {f"{ROOT}/{name}": name.encode() for name in names}, closed)


def found_in(*names: str) -> list[str]:
    return [key.removeprefix(f"{ROOT}/") for key in scan(source(*names)).files]


def test_images_are_found_by_suffix_and_described():
    photos = source("a.PNG", "b.jpg", "notes.txt", "sub/c.webp", "sub/d.gif", "sub/e.jpeg", "film.mp4")
    found = scan(photos)
    assert [photos.name(key) for key in found.files] == ["a.PNG", "b.jpg", "c.webp", "d.gif", "e.jpeg"]
    assert found.files[f"{ROOT}/b.jpg"] == photos.stat(f"{ROOT}/b.jpg")


@pytest.mark.parametrize("name", ["jpg", "photo.", "photojpg", ".jpg", "photo.jpg.part", "a.jpg/photo"])
def test_what_has_no_image_s_suffix_is_no_image(name):
    assert found_in(name) == []


def test_only_the_last_suffix_counts():
    assert found_in("a.txt.jpg", "b..jpg") == ["a.txt.jpg", "b..jpg"]


def test_formats_that_cannot_be_read_are_counted_by_suffix():
    assert scan(source("scan.PSD", "x.svg", "sub/y.svg", "z.xyz")).unsupported == {".psd": 1, ".svg": 2}


def test_text_files_beside_images_are_noted():
    photos = source("b.jpg", "b.txt", "c.PNG", "c.txt", "d.jpg", "d.TXT", "sub/d.txt", "e.txt", "b.jpg.txt")
    assert scan(photos).captions_beside == {f"{ROOT}/b.jpg": f"{ROOT}/b.txt", f"{ROOT}/c.PNG": f"{ROOT}/c.txt"}


def test_a_text_file_is_beside_its_image_in_whatever_form_unicode_is_written():
    composed, decomposed = (
        unicodedata.normalize(form, "Caf\N{LATIN SMALL LETTER E WITH ACUTE}") for form in ("NFC", "NFD")
    )
    found = scan(source(f"{decomposed}.jpg", f"{composed}.txt", f"x/{composed}.jpg", f"x/{decomposed}.txt"))
    assert found.captions_beside == {
        f"{ROOT}/{decomposed}.jpg": f"{ROOT}/{composed}.txt",
        f"{ROOT}/x/{composed}.jpg": f"{ROOT}/x/{decomposed}.txt",
    }


def test_what_is_called_as_an_image_or_asked_for_and_is_no_file_is_told(monkeypatch):
    photos = source("a.jpg")
    listing = photos.list_files()
    listing.odd = [(f"{ROOT}/pipe.jpg", "a fifo"), (f"{ROOT}/socket", "a socket"), (ROOT, "a device")]
    monkeypatch.setattr(photos, "list_files", lambda _options: listing)
    assert scan(photos).odd == [(f"{ROOT}/pipe.jpg", "is no file but a fifo"), (ROOT, "is no file but a device")]


def test_what_cannot_be_looked_at_is_told_and_links_are_counted(monkeypatch):
    photos = source("a.jpg", "b.jpg", "b.txt", "sub/c.jpg", closed=(f"{ROOT}/sub",))
    listing, stat = photos.list_files(), photos.stat
    listing.links = 3
    monkeypatch.setattr(photos, "list_files", lambda _options: listing)

    def closed(key: str):
        if key.endswith("b.jpg"):
            raise PermissionError(13, "Permission denied")
        return stat(key)

    monkeypatch.setattr(photos, "stat", closed)
    found = scan(photos)
    assert (list(found.files), found.captions_beside, found.links) == ([f"{ROOT}/a.jpg"], {}, 3)
    assert found.unreadable == [(f"{ROOT}/sub", "closed"), (f"{ROOT}/b.jpg", "Permission denied")]
