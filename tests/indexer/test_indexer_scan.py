"""The scanner finds images, and nothing outside the folders."""

import os
from pathlib import Path

import pytest

from indexer.ingest.scan import scan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.jpg",
        "a.PNG",
        "sub/c.webp",
        "sub/deep/d.gif",
        "notes.txt",
        "film.mp4",
        "scan.TIFF",
        "x.nef",
        "y.nef",
    ):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_text(name)
    return tmp_path / "photos"


def names(found, folder: Path) -> list[str]:
    return [Path(path).relative_to(folder).as_posix() for path in found.files]


def test_images_are_found_in_all_folders_by_suffix(folder):
    found = scan([folder])
    assert names(found, folder) == ["a.PNG", "b.jpg", "sub/c.webp", "sub/deep/d.gif"]
    file = found.files[str(folder / "b.jpg")]
    assert (file.size, file.mtime_ns) == (5, (folder / "b.jpg").stat().st_mtime_ns)


def test_formats_that_cannot_be_read_are_counted_by_suffix(folder):
    assert scan([folder]).unsupported == {".tiff": 1, ".nef": 2}


def test_overlapping_roots_count_once(folder):
    assert names(scan([folder / "sub", folder, folder / "b.jpg"]), folder) == names(
        scan([folder / "b.jpg", folder / "sub", folder]), folder
    )
    assert len(scan([folder, folder / "sub"]).files) == 4


def test_a_single_file_can_be_a_root(folder):
    assert names(scan([folder / "b.jpg", folder / "scan.TIFF"]), folder) == ["b.jpg"]


def test_symbolic_links_are_counted_and_not_followed(folder, tmp_path):
    (tmp_path / "secret.jpg").write_text("outside")
    (folder / "loop").symlink_to(folder)
    (folder / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "outside").symlink_to(tmp_path)
    found = scan([folder])
    assert found.links == 3
    assert len(found.files) == 4


def test_hidden_entries_and_what_is_no_file_are_passed_by(folder):
    (folder / "._b.jpg").write_text("resource fork")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "thumb.jpg").write_text("thumb")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    assert len(scan([folder]).files) == 4


def test_text_files_beside_images_are_noted(folder):
    (folder / "b.txt").write_text("words")
    assert scan([folder]).captions_beside == {str(folder / "b.jpg"): str(folder / "b.txt")}


def test_a_folder_that_cannot_be_opened_is_told_and_the_rest_found(folder, monkeypatch):
    closed = folder / "sub"
    real = os.scandir

    def scandir(path):
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)  # tests may run as root, whom no permission stops
    found = scan([folder])
    assert found.unreadable == [(str(closed), "Permission denied")]
    assert names(found, folder) == ["a.PNG", "b.jpg"]
