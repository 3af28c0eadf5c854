"""What every source of photographs does, local folders, object storage and memory alike; and which one roots are of."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_source import MemorySource

from indexer.errors import SourceError
from indexer.sources import opening
from indexer.sources.base import OutsideSourceError, PhotoSource
from indexer.sources.local_folders import LocalFolders
from indexer.sources.opening import as_root, photo_source

FILES = {"a/one.jpg": b"1", "a/one.txt": b"words", "a/sub/two.png": b"22", "ab/three.jpg": b"333", "four.jpg": b"4"}


@pytest.fixture(params=["local", "memory", "s3"])
def make(request, tmp_path: Path) -> Callable[..., tuple[PhotoSource, str]]:
    """Make a source of the files above, with roots below the prefix that is returned beside it."""

    def made(*roots: str) -> tuple[PhotoSource, str]:
        if request.param == "memory":
            prefix = "memory://photos/"
            return MemorySource([prefix + root for root in roots], {prefix + n: FILES[n] for n in FILES}), prefix
        if request.param == "s3":
            request.getfixturevalue("object_storage").put("contract", FILES)
            return photo_source([f"s3://contract/{root}" for root in roots]), "s3://contract/"
        for name, content in FILES.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
        return LocalFolders([str(tmp_path / root) for root in roots]), f"{tmp_path}/"

    return made


def test_all_files_below_the_roots_are_listed_once_and_nothing_else(make):
    source, prefix = make("a", "a/sub", "four.jpg")
    listing = source.list_files()
    assert sorted(listing.keys) == [prefix + name for name in ("a/one.jpg", "a/one.txt", "a/sub/two.png", "four.jpg")]
    assert (listing.unreadable, listing.links) == ([], 0)


def test_roots_keep_their_order_and_missing_ones_are_told(make):
    source, prefix = make("a/sub", "absent", "four.jpg", "a")
    assert list(source.roots) == [prefix + root for root in ("a/sub", "absent", "four.jpg", "a")]
    assert source.missing_roots() == [f"{prefix}absent"]


def test_a_file_is_described_and_read_by_its_key(make):
    source, prefix = make("a")
    described = source.stat(f"{prefix}a/sub/two.png")
    assert (described.key, described.size) == (f"{prefix}a/sub/two.png", 2)
    assert source.stat(described.key) == described
    assert source.read(described.key) == b"22"


@pytest.mark.parametrize("use", ["stat", "read", "local_path"])
def test_a_file_that_is_gone_is_an_os_error(make, use):
    source, prefix = make("a")
    with pytest.raises(OSError) as failure:
        getattr(source, use)(f"{prefix}a/gone.jpg")
    assert failure.value.strerror


def test_names_are_told_without_looking(make):
    source, prefix = make("a", "a/sub", "b.jpg")
    assert source.name(f"{prefix}a/sub/two.png") == "two.png"
    both = {f"{prefix}a": "sub/two.png", f"{prefix}a/sub": "two.png"}
    assert list(source.relative_names(f"{prefix}a/sub/two.png").items()) == list(both.items())
    assert source.relative_names(f"{prefix}a/never.jpg") == {f"{prefix}a": "never.jpg"}
    assert source.relative_names(f"{prefix}ab/three.jpg") == {}
    assert source.relative_names(f"{prefix}b.jpg") == {}  # a root, and not a folder above it


def test_a_file_is_below_its_folders_and_itself(make):
    source, prefix = make("a")
    key = f"{prefix}a/sub/two.png"
    assert all(source.is_below(key, prefix + place) for place in ("a", "a/sub", "a/sub/two.png"))
    assert not any(source.is_below(key, prefix + place) for place in ("ab", "a/su", "a/sub/two.pn", "four.jpg"))


class TestOpening:
    """Which source some roots belong to."""

    def test_folders_are_local_and_absolute(self, tmp_path, monkeypatch):
        (tmp_path / "photos").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "photos")
        monkeypatch.chdir(tmp_path)
        assert as_root(Path("link")) == as_root("photos") == str((tmp_path / "photos").resolve())
        assert as_root(Path("memory://photos")) == str(tmp_path.resolve() / "memory:" / "photos")
        assert isinstance(photo_source(["/photos", "/more"]), LocalFolders)
        assert photo_source(["/photos", "/more"]).roots == ("/photos", "/more")
        assert photo_source([]).list_files().keys == []

    def test_an_address_is_of_the_storage_of_its_scheme(self, monkeypatch):
        monkeypatch.setitem(opening.SOURCES, "memory", lambda roots: MemorySource(roots, {}))
        assert as_root("memory://photos") == "memory://photos"
        assert isinstance(photo_source(["memory://photos", "memory://more"]), MemorySource)

    def test_several_storages_or_an_unknown_one_are_refused(self, monkeypatch):
        with pytest.raises(SourceError, match="nowhere:// is no storage"):
            photo_source(["nowhere://photos"])
        monkeypatch.setitem(opening.SOURCES, "memory", lambda roots: MemorySource(roots, {}))
        with pytest.raises(SourceError, match="one storage, not in several: /photos, memory://photos"):
            photo_source(["/photos", "memory://photos"])


class TestInside:
    """A key of local folders leads to nothing outside of them."""

    @pytest.fixture
    def photos(self, tmp_path: Path) -> Path:
        (tmp_path / "photos" / "sub").mkdir(parents=True)
        (tmp_path / "photos" / "sub" / "in.jpg").write_bytes(b"inside")
        (tmp_path / "out.jpg").write_bytes(b"outside")
        (tmp_path / "photos-2").mkdir()
        (tmp_path / "photos-2" / "out.jpg").write_bytes(b"outside")
        return tmp_path / "photos"

    def refused(self, photos: Path, key: Path) -> bool:
        source = LocalFolders([str(photos)])
        for use in (source.read, source.local_path):
            with pytest.raises(OSError) as failure:
                use(str(key))
        return isinstance(failure.value, OutsideSourceError)

    def test_what_is_inside_is_read_also_by_a_link(self, photos):
        source, link = LocalFolders([str(photos)]), photos / "link.jpg"
        link.symlink_to(photos / "sub" / "in.jpg")
        assert source.local_path(str(link)) == (photos / "sub" / "in.jpg").resolve()
        assert source.read(str(link)) == b"inside"

    def test_a_link_out_is_refused_for_a_file_and_for_a_folder(self, photos):
        (photos / "link.jpg").symlink_to(photos.parent / "out.jpg")
        (photos / "folder").symlink_to(photos.parent)
        assert self.refused(photos, photos / "link.jpg")
        assert self.refused(photos, photos / "folder" / "out.jpg")

    def test_a_path_out_is_refused_also_if_it_begins_like_a_root(self, photos):
        assert self.refused(photos, photos / ".." / "out.jpg")
        assert self.refused(photos, photos.parent / "photos-2" / "out.jpg")

    def test_links_in_a_circle_and_what_is_no_file_are_not_there(self, photos):
        (photos / "circle.jpg").symlink_to(photos / "circle.jpg")
        (photos / "folder.jpg").mkdir()
        os.mkfifo(photos / "pipe.jpg")  # reading it would wait for ever
        for name in ("circle.jpg", "folder.jpg", "pipe.jpg", "gone.jpg"):
            assert not self.refused(photos, photos / name)

    def test_a_root_may_be_reached_by_a_link_and_other_roots_may_be_gone(self, photos):
        (photos.parent / "link").symlink_to(photos)
        (photos.parent / "circle").symlink_to(photos.parent / "circle")
        roots = [photos.parent / "circle", photos.parent / "gone", photos.parent / "link"]
        source = LocalFolders([str(root) for root in roots])
        assert source.read(str(photos.parent / "link" / "sub" / "in.jpg")) == b"inside"

    def test_a_single_file_is_a_root_of_itself_alone(self, photos):
        (photos / "other.jpg").write_bytes(b"other")
        source = LocalFolders([str(photos / "sub" / "in.jpg")])
        assert source.read(str(photos / "sub" / "in.jpg")) == b"inside"
        with pytest.raises(OutsideSourceError):
            source.read(str(photos / "other.jpg"))
