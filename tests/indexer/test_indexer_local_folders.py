"""Folders of this machine are listed in order, without links, and without what is hidden or no file."""

import os
from pathlib import Path

import pytest

from indexer.errors import SourceError
from indexer.sources import regular_file
from indexer.sources.base import NO_OPTIONS, FoundFile, ListingOptions
from indexer.sources.local_folders import LocalFolders
from indexer.sources.regular_file import check_regular, read_regular_file


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


def test_what_is_no_file_is_told_and_not_opened(folder):
    os.mkfifo(folder / "pipe.jpg")
    (folder / "socket").symlink_to("/dev/null")
    source = source_of(folder, folder / "pipe.jpg", Path("/dev/zero"))
    odd = dict(source.list_files().odd)
    assert odd == {str(folder / "pipe.jpg"): "a fifo", "/dev/zero": "a device"}
    for key, kind in odd.items():
        with pytest.raises(FileNotFoundError, match=f"is no file but {kind}"):
            source.read(key)


@pytest.mark.parametrize("made_later", [False, True])
def test_a_file_that_became_a_fifo_is_not_waited_for(folder, monkeypatch, made_later):
    path = folder / "b.jpg"
    if made_later:  # between the look and the opening

        def check_and_replace(mode: int, place: object) -> None:
            check_regular(mode, place)
            if path.is_file():
                path.unlink()
                os.mkfifo(path)

        monkeypatch.setattr(regular_file, "check_regular", check_and_replace)
    else:
        path.unlink()
        os.mkfifo(path)
    with pytest.raises(FileNotFoundError, match="is no file but a fifo"):
        read_regular_file(path)


CACHES = ["@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX", "lost+found", "System Volume Information", "node_modules"]


def test_caches_and_bins_are_skipped_and_counted_by_name(folder):
    for name in (*CACHES, "Previews.lrdata", "$Recycle.Bin"):
        for place in (folder, folder / "sub"):
            (place / name).mkdir()
            (place / name / "b.jpg").write_text("thumbnail")
    (folder / "notes.lrdata").write_text("a file")
    listing = source_of(folder).list_files()
    assert listing.skipped == dict.fromkeys([*CACHES, "Previews.lrdata", "$Recycle.Bin"], 2)
    assert names(source_of(folder), folder) == sorted([*ALL[:3], "notes.lrdata"], key=str) + ALL[3:]
    key = str(folder / "sub" / "@eaDir" / "b.jpg")
    assert source_of(folder).passes_by(key, NO_OPTIONS)
    assert not source_of(folder / "sub" / "@eaDir").passes_by(key, NO_OPTIONS)  # it was asked for


def listed(folder: Path, *patterns: str, roots: tuple[Path, ...] = (), **ignored: str) -> list[str]:
    """List with patterns and with ignore files (the content by the folder's name; ``top`` is the root)."""
    for name, content in ignored.items():
        (folder / (name if name != "top" else "") / ".semblanceignore").write_text(content)
    source, options = source_of(*(roots or (folder,))), ListingOptions(exclude=patterns)
    listing = source.list_files(options)
    for key in map(str, sorted(folder.rglob("[!.]*"))):  # a listing and passes_by say the same of every file
        if Path(key).is_file():
            assert (key in listing.keys) != source.passes_by(key, options)
    return [Path(key).relative_to(folder).as_posix() for key in listing.keys]


class TestExclusion:
    """Patterns of the run and of ignore files, in gitignore's syntax."""

    @pytest.mark.parametrize(
        ("patterns", "left"),
        [
            (["sub/"], ["a.PNG", "b.jpg", "notes.txt", "r/e.jpg"]),
            (["deep"], ["a.PNG", "b.jpg", "notes.txt", "r/e.jpg", "sub/c.webp"]),
            (["/deep"], ALL),
            (["*.jpg"], ["a.PNG", "notes.txt", "sub/c.webp", "sub/deep/d.gif"]),
            (["*.jpg", "!b.jpg"], ["a.PNG", "b.jpg", "notes.txt", "sub/c.webp", "sub/deep/d.gif"]),
            (
                ["sub", "!sub/c.webp"],
                ["a.PNG", "b.jpg", "notes.txt", "r/e.jpg"],
            ),  # as git: what is in it is not looked at
            (["sub/**/*.gif", "# a comment", ""], ["a.PNG", "b.jpg", "notes.txt", "r/e.jpg", "sub/c.webp"]),
        ],
    )
    def test_of_the_run(self, folder, patterns, left):
        assert listed(folder, *patterns) == left

    def test_of_a_file_hold_in_its_folder_and_below(self, folder):
        assert listed(folder, sub="*.gif\n/c.webp\n") == ["a.PNG", "b.jpg", "notes.txt", "r/e.jpg"]

    def test_the_nearest_file_that_knows_wins(self, folder):
        left = listed(folder, "*.txt", top="*.jpg\n!notes.txt\n", r="!e.jpg\n")
        assert left == ["a.PNG", "notes.txt", "r/e.jpg", "sub/c.webp", "sub/deep/d.gif"]

    def test_what_was_asked_for_by_name_is_listed(self, folder):
        source = source_of(folder / "b.jpg", folder / "r")
        assert source.list_files(ListingOptions(exclude=("*.jpg",))).keys == [str(folder / "b.jpg")]

    def test_what_is_excluded_is_counted(self, folder):
        assert source_of(folder).list_files(ListingOptions(exclude=("sub", "*.jpg"))).excluded == 3

    def test_names_in_no_encoding_can_be_excluded(self, folder):
        (folder / os.fsdecode(b"caf\xe9.jpg")).write_text("x")
        assert "b.jpg" in names(source_of(folder), folder)
        assert source_of(folder).list_files(ListingOptions(exclude=("caf*",))).excluded == 1

    @pytest.mark.parametrize("pattern", ["!", "a\\"])
    def test_what_is_no_pattern_is_refused_or_told(self, folder, pattern):
        with pytest.raises(SourceError, match="--exclude takes patterns of gitignore's syntax"):
            source_of(folder).list_files(ListingOptions(exclude=(pattern,)))
        (folder / "sub" / ".semblanceignore").write_text(f"{pattern}\n")
        ((place, reason),) = source_of(folder).list_files().unreadable
        assert (place, reason.startswith("its .semblanceignore cannot be read")) == (str(folder / "sub"), True)

    def test_a_folder_whose_ignore_file_cannot_be_read_is_not_looked_into(self, folder):
        os.mkfifo(folder / "sub" / ".semblanceignore")
        (folder / "r" / ".semblanceignore").write_bytes(b"\xff\xfe")
        listing = source_of(folder).list_files()
        assert [Path(place).name for place, _ in listing.unreadable] == ["r", "sub"]
        assert [Path(key).name for key in listing.keys] == ["a.PNG", "b.jpg", "notes.txt"]


class TestFollowingLinks:
    """Links within the roots are followed where that is asked for."""

    FOLLOW = ListingOptions(follow_links=True)

    def listed(self, folder: Path, *roots: Path) -> tuple[list[str], int]:
        listing = source_of(*(roots or (folder,))).list_files(self.FOLLOW)
        return [os.path.relpath(key, folder) for key in listing.keys], listing.links

    def test_circles_end_and_what_is_found_anyway_keeps_its_name(self, folder):
        (folder / "loop").symlink_to(folder)
        (folder / "sub" / "up").symlink_to("..")
        (folder / "again.jpg").symlink_to("b.jpg")
        (folder / "a").symlink_to("a")
        assert self.listed(folder) == (ALL, 1)  # a leads nowhere

    def test_hidden_places_within_the_roots_are_reached(self, folder):
        for name in (".store/x.jpg", ".store/deep/y.jpg", ".one/z.jpg"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
        (folder / "album").symlink_to(".store")
        (folder / "z.jpg").symlink_to(".one/z.jpg")
        keys, links = self.listed(folder)
        assert (sorted(keys), links) == (sorted([*ALL, "album/x.jpg", "album/deep/y.jpg", "z.jpg"]), 0)
        source = source_of(folder)
        assert source.read(str(folder / "album" / "x.jpg")) == b".store/x.jpg"
        assert source.passes_by(str(folder / "album" / "x.jpg"), NO_OPTIONS)
        assert not source.passes_by(str(folder / "album" / "x.jpg"), self.FOLLOW)

    def test_links_out_of_the_roots_are_counted_and_not_followed(self, folder, tmp_path):
        (tmp_path / "secret.jpg").write_text("outside")
        (folder / "out.jpg").symlink_to(tmp_path / "secret.jpg")
        (folder / "outside").symlink_to(tmp_path)
        (tmp_path / "photos-2").mkdir()
        (folder / "beside").symlink_to(tmp_path / "photos-2")
        assert self.listed(folder) == (ALL, 3)


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
