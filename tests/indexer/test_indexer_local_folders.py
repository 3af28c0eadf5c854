"""Folders of this machine are listed in order, without links, and without what is hidden or no file."""

import os
from pathlib import Path

import pytest

from indexer.sources.base import FoundFile
from indexer.sources.local_folders import LocalFolders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "sub/c.webp", "sub/deep/d.gif", "r/e.jpg", "notes.txt"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_text(name)
    return tmp_path / "photos"


def source_of(*roots: Path) -> LocalFolders:
    return LocalFolders([str(root) for root in roots])


def names(source: LocalFolders, folder: Path) -> list[str]:
    return [Path(key).relative_to(folder).as_posix() for key in source.list_files().keys]


ALL = ["a.PNG", "b.jpg", "notes.txt", "r/e.jpg", "sub/c.webp", "sub/deep/d.gif"]


def test_a_folder_s_own_files_come_first_and_then_those_of_its_folders(folder):
    assert names(source_of(folder), folder) == ALL


def test_roots_come_in_the_order_given_and_single_files_before_folders(folder):
    roots = [folder / "sub", folder / "r", folder / "b.jpg"]
    assert names(source_of(*roots), folder) == ["b.jpg", "sub/c.webp", "sub/deep/d.gif", "r/e.jpg"]


def test_overlapping_roots_count_once(folder):
    for roots in ([folder / "sub", folder, folder / "b.jpg"], [folder, folder / "b.jpg", folder / "sub"]):
        listed = names(source_of(*roots), folder)
        assert sorted(listed) == ALL


def test_a_file_is_described_by_size_and_time(folder):
    os.utime(folder / "b.jpg", ns=(1, 2_000_000_003))
    assert source_of(folder).stat(str(folder / "b.jpg")) == FoundFile(str(folder / "b.jpg"), 5, 2_000_000_003)


def test_symbolic_links_are_counted_and_not_followed(folder, tmp_path):
    (tmp_path / "secret.jpg").write_text("outside")
    (folder / "loop").symlink_to(folder)
    (folder / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "outside").symlink_to(tmp_path)
    assert source_of(folder).list_files().links == 3
    assert names(source_of(folder), folder) == ALL


def test_hidden_entries_and_what_is_no_file_are_passed_by(folder):
    (folder / "._b.jpg").write_text("resource fork")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "thumb.jpg").write_text("thumb")
    (folder / ".link.jpg").symlink_to(folder / "b.jpg")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    assert names(source_of(folder), folder) == ALL
    assert source_of(folder).list_files().links == 0


def test_a_folder_that_cannot_be_opened_is_told_and_the_rest_found(folder, monkeypatch):
    closed, real = folder / "sub", os.scandir

    def scandir(path):
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)  # tests may run as root, whom no permission stops
    assert source_of(folder).list_files().unreadable == [(str(closed), "Permission denied")]
    assert names(source_of(folder), folder) == ALL[:4]


def test_making_a_source_looks_at_nothing(monkeypatch):
    for look in ("stat", "lstat", "scandir", "open", "readlink"):
        monkeypatch.setattr(os, look, lambda *args, **options: pytest.fail("it looked"))
    made = LocalFolders(["/photos"])
    assert (made.name("/photos/a.jpg"), made.is_below("/photos/a.jpg", "/photos")) == ("a.jpg", True)
