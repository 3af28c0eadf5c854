"""Photographs in object storage are indexed as those in a folder are; a storage that is away empties nothing."""

import io
import json
import tarfile

import pytest
from PIL import Image

from benchmarks.s3_server import PAGE
from indexer.errors import EmptyCollectionError, PhotographsAwayError, SourceError
from indexer.sources.base import ListingOptions
from indexer.sources.opening import photo_source

BUCKET, ROOT = "photos", "s3://photos"


def picture(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (12, 9), colour).save(buffer, "PNG")
    return buffer.getvalue()


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def keys(root: str, *exclude: str) -> list[str]:
    return [key.removeprefix(f"{root}/") for key in photo_source([root]).list_files(ListingOptions(exclude)).keys]


@pytest.fixture
def colours(object_storage):
    object_storage.put(BUCKET, {f"{name}.png": picture(name) for name in ("red", "green")})
    object_storage.put(BUCKET, {"sub/blue.png": picture("blue"), "sub/blue.txt": b"the sea\n"})
    return object_storage


class TestListing:
    """What is listed, without reading any object."""

    def test_more_objects_than_a_page_holds(self, object_storage):
        names = [f"{number:02}.jpg" for number in range(4 * PAGE + 1)]
        object_storage.put(BUCKET, {f"a/{name}": b"" for name in names})
        assert keys(f"{ROOT}/a") == names

    def test_odd_names_are_names(self, object_storage):
        names = ["a b/ä#1+2.jpg", "a//b.jpg", "a/50%.jpg", "a/?.jpg", "z.JPG"]
        object_storage.put(BUCKET, {name: name.encode() for name in names})
        source = photo_source([ROOT])
        assert sorted(source.list_files().keys) == [f"{ROOT}/{name}" for name in sorted(names)]
        assert [source.read(f"{ROOT}/{name}") for name in names] == [name.encode() for name in names]

    def test_hidden_skipped_and_excluded_ones_are_left_out(self, object_storage):
        names = [
            "a/.x/1.jpg",
            "a/.y.jpg",
            "a/@eaDir/1.jpg",
            "a/@eaDir/2.jpg",
            "a/b/1.jpg",
            "a/b/2.png",
            "a/c/1.jpg",
            "a/",
        ]
        object_storage.put(BUCKET, dict.fromkeys(names, b""))
        source, options = photo_source([f"{ROOT}/a"]), ListingOptions(("*.png", "c/"))
        listing = source.list_files(options)
        assert listing.keys == [f"{ROOT}/a/b/1.jpg"]
        assert (listing.skipped, listing.excluded) == ({"@eaDir": 1}, 2)
        assert source.passes_by(f"{ROOT}/a/c/9.jpg", options)
        assert not source.passes_by(f"{ROOT}/a/b/9.jpg", options)

    def test_an_object_has_changed_where_its_etag_has(self, object_storage):
        object_storage.put(BUCKET, {"x.jpg": b"one"})
        before = photo_source([ROOT]).stat(f"{ROOT}/x.jpg")
        object_storage.put(BUCKET, {"x.jpg": b"two"})
        other = photo_source([ROOT]).stat(f"{ROOT}/x.jpg")
        object_storage.put(BUCKET, {"x.jpg": b"one"})
        assert (other.size, other.mtime_ns != before.mtime_ns) == (before.size, True)
        source = photo_source([ROOT])
        assert source.list_files().keys == [before.key]
        assert source.stat(f"{ROOT}/x.jpg") == before


class TestIndexing:
    """A collection of a storage."""

    def test_it_is_made_and_brought_up_to_date(self, workshop, colours):
        report = workshop.index(ROOT)
        assert (report.images, report.added, report.captions, report.failed) == (3, 3, 1, ())
        assert workshop.captions() == {"green.png": (), "red.png": (), "blue.png": ("the sea",)}
        assert workshop.index(ROOT).generation is None
        assert workshop.encoder.images_encoded == 3
        colours.put(BUCKET, {"red.png": picture("orange")})
        colours.remove(BUCKET, "green.png")
        report = workshop.index(ROOT)
        assert (report.images, report.added, report.deleted) == (2, 1, 2)

    def test_a_storage_that_is_away_empties_nothing(self, workshop, colours):
        workshop.index(ROOT)
        before = workshop.ids()
        colours.kill()
        try:
            for options in ({}, {"allow_removal": True}):
                with pytest.raises(PhotographsAwayError, match=r"does not answer .*onnect.*try again when it does"):
                    workshop.index(ROOT, **options)
        finally:
            colours.start()
        with pytest.raises(EmptyCollectionError, match="stays as it was"):  # it is back, and has lost everything
            workshop.index(ROOT)
        assert workshop.ids() == before
        colours.put(BUCKET, {"red.png": picture("red")})
        report = workshop.index(ROOT)
        assert [(folder.place, folder.held, folder.present) for folder in report.away] == [
            (ROOT, 3, 1),
            (f"{ROOT}/sub", 1, 0),
        ]
        assert (report.images, workshop.ids()) == (3, before)

    def test_a_storage_that_goes_away_while_it_is_read_stops_the_run(self, workshop, colours, monkeypatch):
        workshop.index(ROOT)
        before = workshop.ids()
        colours.put(BUCKET, {f"{name}.png": picture(name) for name in ("yellow", "pink")})
        from indexer.sources.objects import Objects

        def below(self, address, real=Objects.below):
            listed = real(self, address)
            colours.kill()
            return listed

        with monkeypatch.context() as patched:
            patched.setattr(Objects, "below", below)
            with pytest.raises(PhotographsAwayError, match="the storage of the photographs does not answer"):
                workshop.index(ROOT)
        colours.start()
        assert workshop.ids() == before

    @pytest.mark.slow
    def test_one_that_does_not_answer_is_not_waited_for_for_ever(self, workshop, colours, monkeypatch):
        workshop.index(ROOT)
        monkeypatch.setenv("SEMBLANCE_STORAGE_TIMEOUT_S", "0.2")
        before = workshop.ids()
        colours.pause()
        try:
            with pytest.raises(PhotographsAwayError, match="imeout"):
                workshop.index(ROOT)
        finally:
            colours.go_on()
        assert workshop.ids() == before

    def test_a_bucket_that_does_not_exist_is_refused(self, workshop, object_storage):
        with pytest.raises(SourceError, match="s3://absent does not exist"):
            workshop.index("s3://absent")

    def test_keys_that_are_refused_are_a_storage_that_is_away(self, colours, monkeypatch):
        from indexer.sources.objects import Objects

        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("SEMBLANCE_STORAGE_TIMEOUT_S", "4")  # another connection than the one that has keys
        with pytest.raises(PhotographsAwayError, match="credentials"):
            Objects("s3").read(f"{ROOT}/red.png")


class TestShards:
    """Tar files in webdataset's layout, in a folder and in a storage alike."""

    @pytest.fixture(params=["wds", "wds+s3"])
    def shards(self, request, tmp_path):
        """Store tar files; return the address of all of them."""

        def store(**files: bytes) -> str:
            if request.param == "wds":
                folder = tmp_path / "shards"
                folder.mkdir(exist_ok=True)
                for name, content in files.items():
                    (folder / f"{name}.tar").write_bytes(content)
                return f"wds://{folder}"
            server = request.getfixturevalue("object_storage")
            server.put("shards", {f"{name}.tar": content for name, content in files.items()})
            return "wds+s3://shards"

        return store

    @pytest.fixture(autouse=True)
    def lists(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SEMBLANCE_CACHE_DIR", str(tmp_path / "cache"))
        return tmp_path / "cache" / "shards"

    def test_samples_are_indexed_with_their_captions(self, workshop, shards):
        one = tar_of({"0.png": picture("red"), "0.txt": b"fire\n", "0.json": b"{}", "./1.x.png": picture("green")})
        two = tar_of({"0.png": picture("blue"), "0.txt": b"the sea\n", "._0.png": b"", "1.txt": b"nothing\n"})
        root = shards(one=one, two=two)
        report = workshop.index(root)
        assert (report.images, report.captions, report.failed) == (3, 2, ())
        with workshop.open() as generation:
            found = {record.path: record.captions for record in generation.catalog.images_at(range(3))}
        assert found == {"one.tar/0.png": ("fire",), "one.tar/1.x.png": (), "two.tar/0.png": ("the sea",)}
        assert workshop.index(root).generation is None
        ids = workshop.ids()
        shards(
            one=tar_of(
                {"9.png": picture("white"), "0.png": picture("red"), "0.txt": b"fire\n", "1.png": picture("green")}
            )
        )
        report = workshop.index(root)
        assert (report.images, report.added, report.deleted, report.away) == (4, 1, 0, ())
        assert set(ids) < set(workshop.ids())

    def test_a_tar_file_that_is_gone_is_as_a_drive_that_is_away(self, workshop, shards, request, tmp_path):
        root = shards(one=tar_of({"0.png": picture("red")}), two=tar_of({"0.png": picture("blue")}))
        workshop.index(root)
        if root.startswith("wds+s3"):
            request.getfixturevalue("object_storage").remove("shards", "two.tar")
        else:
            (tmp_path / "shards" / "two.tar").unlink()
        report = workshop.index(root)
        assert [folder.place for folder in report.away] == [f"{root}/two.tar"]
        assert report.images == 2

    def test_of_a_damaged_tar_file_nothing_is_removed(self, workshop, shards):
        whole = tar_of({f"{name}.png": picture(name) for name in ("red", "green", "blue")})
        root = shards(one=whole)
        workshop.index(root)
        shards(one=whole[:1024] + b"x" * 512 + whole[1536:])
        report = workshop.index(root)
        assert (report.images, report.deleted) == (3, 0)
        assert "damaged tar file" in report.failed[0][1]

    @pytest.mark.parametrize(("length", "found"), [(100, 0), (600, 0), (1024, 1), (1100, 0), (4096, 2), (None, 2)])
    def test_a_tar_file_that_is_cut_off_is_told_and_one_without_an_end_mark_is_read(self, shards, length, found):
        root = shards(one=tar_of({"0.png": b"red", "1.png": b"green" * 200})[:length])
        listing = photo_source([root]).list_files()
        assert len(listing.keys) == found
        assert [place for place, _ in listing.unreadable] == ([] if found else [f"{root}/one.tar"])

    def test_a_tar_file_that_became_shorter_is_told_by_who_reads_it(self, shards):
        root = shards(one=tar_of({"0.png": b"red"}))
        source = photo_source([root])
        [key] = source.list_files().keys
        shards(one=b"x" * 513)
        with pytest.raises(OSError, match="cut off in its tar file"):
            source.read(key)

    def test_of_a_tar_file_that_is_as_before_nothing_is_read(self, shards, lists):
        root = shards(one=tar_of({"0.png": picture("red")}))
        [key] = photo_source([root]).list_files().keys
        [kept] = lists.iterdir()
        told = json.loads(kept.read_bytes())
        assert told[0][0] == "0.png"
        kept.write_text(json.dumps([["told.png", *told[0][1:]]]))
        assert photo_source([root]).list_files().keys == [key.removesuffix("0.png") + "told.png"]
        kept.write_text("damaged")
        assert photo_source([root]).list_files().keys == [key]
