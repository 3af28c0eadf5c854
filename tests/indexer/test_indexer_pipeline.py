"""Indexing brings a collection up to date with its folders, and does no work twice."""

import os
import resource
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image
from toy_encoder import ToyEncoder
from toy_indexing import index_with
from toy_matcher import ToyMatcher

from indexer.collections import locked
from indexer.errors import (
    CaptionFileError,
    CollectionBusyError,
    CollectionNameError,
    CollectionNotFoundError,
    DamagedCatalogError,
    EmptyCollectionError,
    ModelMismatchError,
    SourceError,
)
from indexer.ingest.failures import MAX_FILE_BYTES
from indexer.ingest.request import IndexRequest
from indexer.layout import CollectionLayout
from indexer.sources import local_folders
from models.errors import ModelError, StorageError
from models.imaging.decode import InProcessDecoder


def test_a_folder_becomes_a_generation_that_can_be_searched(workshop):
    workshop.paint_all()
    report = workshop.index()
    assert (report.generation, report.images, report.added, report.reused) == (1, 4, 4, 0)
    with workshop.open() as generation:
        _, rows = generation.vector_set("toy", "image").store.search(workshop.encoder.encode_texts(["blue"]), 1)
        (blue,) = generation.catalog.images_at(rows[0])
        assert (blue.name, blue.width, blue.height, blue.format) == ("blue.png", 12, 9, "PNG")
        assert blue.id == sha256((workshop.photos / "blue.png").read_bytes()).hexdigest()[:32]
        assert generation.catalog.original_keys(blue.id) == [str(workshop.photos / "blue.png")]
        assert generation.catalog.roots() == [str(workshop.photos)]


def test_an_image_keeps_the_time_when_it_was_first_indexed(workshop):
    workshop.paint("sub/red.png", "red")
    first, later = datetime(2024, 5, 6, tzinfo=UTC), datetime(2025, 5, 6, tzinfo=UTC)
    request = IndexRequest(workshop.data_dir, "toy", (workshop.photos,))
    index_with(request, [workshop.encoder], now=lambda: first)
    (workshop.photos / "sub" / "red.png").rename(workshop.photos / "scarlet.png")
    workshop.paint("blue.png", "blue")
    index_with(request, [workshop.encoder], now=lambda: later)
    with workshop.open() as generation:
        told = [(record.path, record.added_at) for record in generation.catalog.images_at([0, 1])]
    assert told == [("blue.png", later), ("scarlet.png", first)]


def test_readers_see_paths_below_the_folders_and_none_of_the_machine(workshop):
    folders = [
        workshop.paint(name, colour).parent for name, colour in (("a/sub/1.png", "red"), ("b/sub/2.png", "blue"))
    ]
    for roots, paths in (((workshop.photos,), ["a/sub/1.png", "b/sub/2.png"]), (folders, ["sub/1.png", "sub-2/2.png"])):
        workshop.index(*roots)
        with workshop.open() as generation:
            assert [record.path for record in generation.catalog.images_at([0, 1])] == paths


def test_nothing_changed_publishes_nothing(workshop):
    workshop.paint_all()
    workshop.index()
    report = workshop.index()
    assert (report.generation, report.images, report.added, report.reused) == (None, 4, 0, 4)
    assert workshop.encoder.images_encoded == 4


def test_only_new_and_changed_images_are_encoded_and_deleted_ones_go(workshop):
    workshop.paint_all()
    workshop.index()
    workshop.paint("new.png", (9, 9, 9))
    workshop.paint("red.png", (200, 0, 0), size=(13, 9))
    (workshop.photos / "green.png").unlink()
    report = workshop.index()
    assert (report.generation, report.images, report.added, report.reused, report.deleted) == (2, 4, 2, 2, 2)
    assert workshop.names() == ["blue.png", "new.png", "red.png", "yellow.png"]
    assert workshop.encoder.images_encoded == 6


def test_a_moved_file_is_not_encoded_again(workshop):
    workshop.paint_all()
    workshop.index()
    (workshop.photos / "sub").mkdir()
    (workshop.photos / "red.png").rename(workshop.photos / "sub" / "scarlet.png")
    report = workshop.index()
    assert (report.generation, report.added, report.deleted) == (2, 0, 0)
    assert "scarlet.png" in workshop.names()


def test_a_touched_file_of_the_same_content_publishes_nothing(workshop):
    workshop.paint_all()
    workshop.index()
    os.utime(workshop.photos / "red.png", ns=(1, 1))
    assert workshop.index().generation is None


def test_identical_files_are_one_image_with_several_paths(workshop):
    red = workshop.paint("red.png", "red")
    for name in ("copy.png", "sub/other.png"):
        (workshop.photos / "sub").mkdir(exist_ok=True)
        (workshop.photos / name).write_bytes(red.read_bytes())
    report = workshop.index()
    assert (report.images, report.added, report.duplicates) == (1, 1, 2)
    assert workshop.encoder.images_encoded == 1
    with workshop.open() as generation:
        (image,) = generation.catalog.images_at([0])
        keys = generation.catalog.original_keys(image.id)
        assert [Path(key).name for key in keys] == ["copy.png", "red.png", "other.png"]
    (workshop.photos / "copy.png").unlink()
    assert workshop.index().images == 1


def test_copies_are_encoded_once_also_when_they_come_in_different_batches(workshop):
    for number in range(100):
        workshop.paint(f"{number:03}.png", (number % 40, 0, 0))
    report = workshop.index()
    assert (report.images, report.added, report.duplicates) == (40, 40, 60)
    assert workshop.encoder.images_encoded == 40


class NotingDecoder(InProcessDecoder):
    """Notes the size that each image may be shrunk to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = []

    def decode(self, content, *, shrink_to=None):
        self.asked.append(shrink_to)
        return super().decode(content, shrink_to=shrink_to)


def test_images_are_decoded_once_at_a_size_that_the_largest_input_needs(workshop):
    workshop.paint_all()
    request, encoders = IndexRequest(workshop.data_dir, "toy", (workshop.photos,)), [ToyEncoder(), ToyEncoder("b", 11)]
    decoder = NotingDecoder()
    index_with(request, encoders, decoder=decoder)
    assert decoder.asked == [11] * 4
    os.utime(workshop.photos / "red.png", ns=(1, 1))  # is read again, and known by its content
    index_with(request, encoders, decoder=decoder)
    assert decoder.asked == [11] * 4


def test_running_again_replaces_the_folders_and_add_extends_them(workshop, tmp_path):
    workshop.paint("a/red.png", "red")
    workshop.paint("b/green.png", "green")
    workshop.paint("c/blue.png", "blue")
    folders = [workshop.photos / name for name in "abc"]
    workshop.index(folders[0])
    workshop.index(folders[1], add=True)
    assert workshop.names() == ["red.png", "green.png"]
    workshop.index(folders[2])
    assert workshop.names() == ["blue.png"]
    with workshop.open() as generation:
        assert generation.catalog.roots() == [str(folders[2])]


def test_files_that_do_not_decode_are_skipped_with_the_reason_and_not_tried_again(workshop):
    workshop.paint_all()
    (workshop.photos / "bad.jpg").write_bytes(b"not an image")
    (workshop.photos / "empty.png").touch()
    (workshop.photos / "cut.png").write_bytes((workshop.photos / "red.png").read_bytes()[:45])
    (workshop.photos / "scan.psd").write_bytes(b"8BPS")
    first = workshop.index()
    assert first.images == 4
    assert [Path(path).name for path, _ in first.failed] == ["bad.jpg", "cut.png", "empty.png"]
    assert first.failed[2][1] == "the file is empty"
    assert first.unsupported == {".psd": 1}
    again = workshop.index()
    assert (again.failed, again.images_per_s) == (first.failed, None)
    workshop.paint("bad.png", (1, 2, 3)).replace(workshop.photos / "bad.jpg")
    assert workshop.index().images == 5


def test_an_image_beyond_a_limit_is_refused_from_its_header(workshop):
    workshop.paint_all()
    Image.new("1", (70_000, 1)).save(workshop.photos / "bomb.png")
    ((path, reason),) = workshop.index().failed
    assert path.endswith("bomb.png")
    assert reason.endswith("the limit is 65,535 a side (SEMBLANCE_MAX_SIDE_PX)")


def test_a_file_of_too_many_bytes_is_refused_unread(workshop):
    workshop.paint_all()
    with (workshop.photos / "huge.png").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with (workshop.photos / "large.png").open("wb") as file:
        file.truncate(MAX_FILE_BYTES)
    huge, large = workshop.index().failed
    assert huge[1] == "268,435,457 bytes, more than the limit of 268,435,456"
    assert large[1].startswith("not an image")


def test_a_file_that_vanishes_or_is_closed_meanwhile_is_reported(workshop, monkeypatch):
    workshop.paint_all()
    read = local_folders.read_regular_file

    def closed(path: Path) -> bytes:
        if path.name == "red.png":
            raise PermissionError(13, "Permission denied")
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(local_folders, "read_regular_file", closed)  # tests may run as root, whom no permission stops
        report = workshop.index()
    assert report.images == 3
    assert [(Path(path).name, reason) for path, reason in report.failed] == [("red.png", "Permission denied")]
    assert workshop.index().images == 4


def test_a_file_that_was_closed_when_a_run_was_stopped_is_read_by_the_next(workshop, monkeypatch):
    for number in range(40):
        workshop.paint(f"{number:03}.png", (number, 0, 0))
    read = local_folders.read_regular_file

    def closed(path: Path) -> bytes:
        if path.name == "000.png":
            raise PermissionError(13, "Permission denied")
        return read(path)

    class Stopping(ToyEncoder):
        def encode_images(self, prepared):
            if self.images_encoded:
                raise KeyboardInterrupt
            return super().encode_images(prepared)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(local_folders, "read_regular_file", closed)
        workshop.index(encoders=[Stopping()])
    assert workshop.index().images == 40


def test_what_lies_in_a_folder_that_is_closed_for_now_stays(workshop, monkeypatch):
    workshop.paint_all()
    workshop.paint("sub/purple.png", (128, 0, 128))
    workshop.index()
    scandir = os.scandir

    def closed(path):
        if not isinstance(path, int) and Path(path).name == "sub":  # deleting a folder lists it by a number
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    report = workshop.index()
    assert (report.generation, report.images, len(report.failed)) == (None, 5, 1)
    (workshop.photos / "red.png").unlink()
    report = workshop.index()
    assert (report.deleted, report.images) == (1, 4)  # what is gone elsewhere goes
    assert workshop.index(workshop.photos / "sub").images == 1  # all that there is now cannot be looked into


@pytest.mark.parametrize("content", [{}, {"notes.txt": b"x"}, {"bad.jpg": b"not an image"}, {"photo.svg": b"raw"}])
def test_a_folder_without_images_is_refused_and_leaves_nothing(workshop, content):
    for name, data in content.items():
        (workshop.photos / name).write_bytes(data)
    with pytest.raises(EmptyCollectionError):
        workshop.index()
    assert not workshop.root.exists()


def test_a_folder_that_became_empty_leaves_the_last_generation(workshop):
    red = workshop.paint("red.png", "red")
    workshop.index()
    red.unlink()
    with pytest.raises(EmptyCollectionError, match="no image found"):
        workshop.index()
    assert workshop.names() == ["red.png"]


def test_what_was_not_followed_or_supported_is_named_when_nothing_is_left(workshop, tmp_path):
    (workshop.photos / "link.jpg").symlink_to(tmp_path)
    (workshop.photos / "photo.svg").touch()
    with pytest.raises(EmptyCollectionError, match=r" \(1 \.svg not supported; 1 symbolic links not followed\)$"):
        workshop.index()


def test_why_a_folder_is_empty_is_told(workshop, monkeypatch):
    with pytest.raises(EmptyCollectionError) as failure:
        workshop.index()
    assert str(failure.value) == f"no image found in {workshop.photos}"
    for name in ("a.psd", "b.svg"):
        (workshop.photos / name).touch()
    with pytest.raises(EmptyCollectionError, match=r"photos \(1 \.psd not supported; 1 \.svg not supported\)$"):
        workshop.index()
    scandir = os.scandir

    def closed(path):
        if not isinstance(path, int) and Path(path) == workshop.photos:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(EmptyCollectionError, match=r"photos \(/.*photos: Permission denied\)$"):
        workshop.index()


def test_a_path_that_does_not_exist_is_refused(workshop):
    with pytest.raises(SourceError, match=r"absent does not exist$"):
        workshop.index(workshop.photos / "absent")
    assert not workshop.root.exists()


def test_a_folder_of_before_that_held_nothing_and_is_gone_is_refused_with_the_way_out(workshop):
    workshop.paint("b/green.png", "green")
    (workshop.photos / "a").mkdir()
    workshop.index(workshop.photos / "a", workshop.photos / "b")
    (workshop.photos / "a").rename(workshop.photos / "moved")
    with pytest.raises(SourceError, match="a does not exist any more; index again without --add"):
        workshop.index(add=True)
    assert workshop.index(workshop.photos / "b").images == 1


@pytest.mark.parametrize("name", ["", "Upper", "../up", "a b", "-x", "x" * 64])
def test_a_name_that_could_not_be_a_folder_or_an_address_is_refused(workshop, name):
    with pytest.raises(CollectionNameError):
        index_with(IndexRequest(workshop.data_dir, name, (workshop.photos,)), [workshop.encoder])


def test_captions_come_from_a_file_and_from_beside_the_images(workshop, write):
    workshop.paint_all()
    (workshop.photos / "red.txt").write_text("a red wall\nthe colour of fire\n")
    captions = write("token.txt", "red.png#0\tthe colour of fire\ngreen.png#0\tgrass\nabsent.png#0\tnothing\n")
    report = workshop.index(captions=captions)
    assert (report.captions, report.unmatched_captions) == (3, ("absent.png",))
    assert workshop.captions() == {
        "blue.png": (),
        "green.png": ("grass",),
        "red.png": ("the colour of fire", "a red wall"),
        "yellow.png": (),
    }
    with workshop.open() as generation:
        _, rows = generation.vector_set("toy", "text").store.search(workshop.encoder.encode_texts(["red"]), 1)
        assert generation.catalog.captions_at(rows[0])[0].text == "a red wall"


def test_changed_captions_publish_without_encoding_images(workshop, write):
    workshop.paint_all()
    captions = write("token.txt", "red.png#0\tfire\n")
    workshop.index(captions=captions)
    captions.write_text("red.png#0\trose\n")
    report = workshop.index(captions=captions)
    assert (report.generation, report.added, report.captions) == (2, 0, 1)
    assert workshop.captions()["red.png"] == ("rose",)
    assert workshop.index(captions=captions).generation is None


def test_captions_of_a_deleted_image_go_with_it(workshop):
    workshop.paint_all()
    for name in ("red", "green"):
        (workshop.photos / f"{name}.txt").write_text(f"{name} paint\n")
    workshop.index()
    (workshop.photos / "red.png").unlink()
    assert workshop.index().captions == 1
    with workshop.open() as generation:
        assert generation.catalog.captions_at([0])[0].text == "green paint"
        assert generation.vector_set("toy", "text").store.size == 1


def test_add_keeps_the_caption_file_of_before(workshop, write):
    workshop.paint("a/red.png", "red")
    workshop.paint("b/green.png", "green")
    captions = write("token.txt", "red.png#0\tfire\n")
    workshop.index(workshop.photos / "a", captions=captions)
    workshop.index(workshop.photos / "b", add=True)
    assert workshop.captions() == {"red.png": ("fire",), "green.png": ()}


def test_a_bad_caption_file_stops_before_anything_is_encoded(workshop, write):
    workshop.paint_all()
    with pytest.raises(CaptionFileError, match="line 1"):
        workshop.index(captions=write("token.txt", "no tab here"))
    assert workshop.encoder.images_encoded == 0
    assert not workshop.root.exists()


def test_a_bad_text_file_beside_an_image_is_reported_and_the_image_kept(workshop):
    workshop.paint_all()
    (workshop.photos / "red.txt").write_bytes(b"\xff\xfe\0")
    report = workshop.index()
    assert report.images == 4
    assert "not UTF-8" in report.failed[0][1]


def test_captions_beside_what_is_no_image_are_passed_by(workshop):
    workshop.paint_all()
    (workshop.photos / "bad.jpg").write_bytes(b"not an image")
    (workshop.photos / "bad.txt").write_text("nothing to see\n")
    report = workshop.index()
    assert (report.images, report.captions, len(report.failed)) == (4, 0, 1)


def test_captions_of_similar_length_are_encoded_together(workshop, write):
    batches = []

    class Noting(ToyEncoder):
        def encode_texts(self, texts):
            batches.append([len(text) for text in texts])
            return super().encode_texts(texts)

    workshop.paint_all()
    lengths = [(7 * number) % 100 + 1 for number in range(100)]
    captions = write("token.txt", "".join(f"red.png#{n}\t{'x' * length}\n" for n, length in enumerate(lengths)))
    workshop.index(captions=captions, encoders=[Noting()])
    assert batches == [sorted(lengths)[:64], sorted(lengths)[64:]]


def test_a_name_in_no_encoding_is_shown_as_text_that_can_be(workshop):
    (workshop.photos / os.fsdecode(b"caf\xe9.png")).write_bytes(workshop.paint("red.png", "red").read_bytes())
    (workshop.photos / "red.png").unlink()
    workshop.index()
    assert workshop.names() == ["caf?.png"]
    with workshop.open() as generation:
        (image,) = generation.catalog.images_at([0])
        assert os.fsencode(generation.catalog.original_keys(image.id)[0]).endswith(b"/caf\xe9.png")


def test_a_generation_bears_the_time_that_the_caller_tells(workshop):
    workshop.paint_all()
    moment = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    request = IndexRequest(workshop.data_dir, "toy", (workshop.photos,))
    index_with(request, [workshop.encoder], now=lambda: moment)
    with workshop.open() as generation:
        assert generation.created_at == moment


def test_several_models_are_indexed_side_by_side(workshop):
    workshop.paint_all()
    models = [ToyEncoder("first"), ToyEncoder("hf:some/second", size=4)]
    workshop.index(encoders=models)
    with workshop.open() as generation:
        assert generation.models == ("first", "hf:some/second")
        for model in generation.models:
            assert generation.vector_set(model, "image").store.size == 4
    assert [model.images_encoded for model in models] == [4, 4]


def test_another_model_replaces_the_one_before_and_its_vectors(workshop):
    workshop.paint_all()
    workshop.index()
    other = ToyEncoder("other")
    report = workshop.index(encoders=[other])
    assert (report.generation, report.added) == (2, 4)
    with workshop.open() as generation, pytest.raises(ModelMismatchError):
        generation.vector_set("toy", "image")
    assert all(path.name.startswith("other.") for path in (workshop.root / "work" / "vectors").iterdir())


def test_with_another_model_each_file_that_is_gone_or_closed_is_told_once_or_not_at_all(workshop, monkeypatch):
    workshop.paint_all()
    workshop.index()
    (workshop.photos / "red.png").unlink()
    read = local_folders.read_regular_file

    def closed(path: Path) -> bytes:
        if path.name == "blue.png":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(local_folders, "read_regular_file", closed)
    report = workshop.index(encoders=[ToyEncoder("other")])
    assert report.failed == ((str(workshop.photos / "blue.png"), "Permission denied"),)
    assert (report.images, report.deleted) == (2, 2)


def test_a_model_whose_preprocessing_changed_encodes_anew(workshop):
    workshop.paint_all()
    workshop.index()
    changed = ToyEncoder(size=4)
    assert workshop.index(encoders=[changed]).added == 4


def test_a_model_that_gives_nonsense_is_refused(workshop):
    class Broken(ToyEncoder):
        def encode_images(self, prepared):
            return super().encode_images(prepared) * float("nan")

    workshop.paint_all()
    with pytest.raises(ModelError, match="not finite"):
        workshop.index(encoders=[Broken()])


def test_vectors_of_deleted_images_do_not_stay_on_disk_once_they_are_purged(workshop):
    workshop.paint_all()
    workshop.index()
    before = sum(path.stat().st_size for path in (workshop.root / "work" / "vectors").iterdir())
    (workshop.photos / "red.png").unlink()
    workshop.index(purge=True)
    after = sum(path.stat().st_size for path in (workshop.root / "work" / "vectors").iterdir())
    assert after == before * 3 // 4


def test_the_last_two_generations_are_kept(workshop):
    for number in range(1, 5):
        workshop.paint(f"{number}.png", (number, 0, 0))
        assert workshop.index().generation == number
    assert sorted(path.name for path in (workshop.root / "generations").iterdir()) == ["000003", "000004"]


def test_a_damaged_generation_is_built_anew_without_encoding(workshop):
    workshop.paint_all()
    workshop.index()
    vectors = workshop.root / "generations" / "000001" / "toy.image.vectors.npy"
    vectors.write_bytes(b"x" + vectors.read_bytes()[1:])
    report = workshop.index()
    assert (report.generation, report.added) == (2, 0)
    assert len(workshop.names()) == 4


def test_a_catalog_that_was_deleted_is_made_anew_without_encoding(workshop):
    workshop.paint_all()
    workshop.index()
    with workshop.open() as generation:
        before = generation.catalog.images_at(range(4))
    (workshop.root / "work" / "catalog.sqlite").unlink()
    report = workshop.index()
    assert (report.generation, report.images, report.added) == (None, 4, 0)
    workshop.paint("new.png", (9, 9, 9))
    workshop.index()
    with workshop.open() as generation:
        after = {record.id: record for record in generation.catalog.images_at(range(5))}
    assert [replace(after[record.id], row=record.row, added_at=record.added_at) for record in before] == before


def test_a_working_state_that_is_gone_comes_back_from_the_generation_without_encoding(workshop, write):
    workshop.paint_all()
    (workshop.photos / "bad.png").write_bytes(b"not an image")
    captions = write("captions.csv", "file,caption\nred.png,red\nblue.png,blue sea\n")
    matcher = ToyMatcher()
    workshop.index(matchers=[matcher], captions=captions)
    shutil.rmtree(workshop.root / "work")
    encoder = ToyEncoder()
    report = workshop.index(encoders=[encoder], matchers=[matcher], add=True)
    assert (report.generation, report.images, report.captions, len(report.failed)) == (None, 4, 2, 1)
    assert encoder.images_encoded == 0
    workshop.paint("new.png", (9, 9, 9))
    assert workshop.index(encoders=[encoder], matchers=[matcher]).generation == 2
    assert encoder.images_encoded == 1
    assert workshop.captions()["red.png"] == ("red",)


def test_what_comes_back_of_a_working_state_is_not_mistaken_for_rows_of_other_weights(workshop):
    workshop.paint_all()
    workshop.index()
    shutil.rmtree(workshop.root / "work")
    encoder = ToyEncoder(size=4)
    assert workshop.index(encoders=[encoder]).added == 4


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE images SET taken_at = 'last summer'",
        "INSERT INTO image_captions VALUES ('no image', 0, 'no caption')",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
def test_damage_in_the_working_state_is_not_published_and_the_way_out_that_is_told_is_one(workshop, damage):
    workshop.paint_all()
    workshop.index()
    with closing(sqlite3.connect(workshop.root / "work" / "catalog.sqlite")) as catalog, catalog:
        catalog.execute(damage)
    workshop.paint("new.png", (9, 9, 9))
    with pytest.raises(DamagedCatalogError, match="delete it and run the same command again") as told:
        workshop.index()
    assert [path.name for path in (workshop.root / "generations").iterdir()] == ["000001"]
    assert len(workshop.names()) == 4
    told.value.path.unlink()
    encoder = ToyEncoder()
    assert workshop.index(encoders=[encoder]).generation == 2
    assert len(workshop.names()) == 5
    assert encoder.images_encoded <= 1  # the new one, where it was not stored before the damage was found


@pytest.mark.parametrize("place", [0, 31])
def test_an_image_whose_hash_was_damaged_is_read_again_and_stays(workshop, place):
    """Its id is one half of the hash, and the key of its vector the whole."""
    workshop.paint_all()
    workshop.index()
    ids = sorted(workshop.ids())
    with closing(sqlite3.connect(workshop.root / "work" / "catalog.sqlite")) as catalog, catalog:
        (key,) = catalog.execute("SELECT sha256 FROM images WHERE name = 'red.png'").fetchone()
        damaged = bytes(byte ^ (number == place) for number, byte in enumerate(key))
        catalog.execute("UPDATE images SET sha256 = ? WHERE sha256 = ?", (damaged, key))
    workshop.paint("new.png", (9, 9, 9))
    report = workshop.index()
    assert (report.images, report.failed) == (5, ())
    assert set(ids) < set(workshop.ids())
    assert workshop.index().generation is None


@pytest.mark.parametrize("damage", [b"\xcc", b"\n"])
def test_a_schema_that_cannot_be_read_is_told_in_one_line(workshop, damage):
    workshop.paint_all()
    workshop.index()
    file = workshop.root / "work" / "catalog.sqlite"
    content = file.read_bytes()
    place = content.index(b"CREATE TABLE images")
    file.write_bytes(content[: place + 3] + damage + content[place + 4 :])
    with pytest.raises(DamagedCatalogError, match="delete it and run the same command again") as told:
        workshop.index()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"generation": 99}'])
def test_a_damaged_pointer_is_replaced(workshop, content):
    workshop.paint_all()
    workshop.index()
    (workshop.root / "CURRENT").write_bytes(content)
    assert workshop.index().generation == 2
    assert len(workshop.names()) == 4


def test_two_indexers_of_one_collection_do_not_meet(workshop):
    workshop.paint_all()
    workshop.index()
    with locked(CollectionLayout(workshop.root)), pytest.raises(CollectionBusyError, match="wait for it"):
        workshop.index()


def test_a_disk_that_takes_no_more_is_told_and_nothing_is_lost(workshop):
    workshop.paint("red.png", "red")
    workshop.index()
    for number in range(200):
        workshop.paint(f"{number}.png", (number, number, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # no file may grow beyond 4 KB: EFBIG, as ENOSPC would
    try:
        with pytest.raises(StorageError, match=r"cannot (use|write)"):
            workshop.index()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert workshop.names() == ["red.png"]
    assert [path.name for path in (workshop.root / "generations").iterdir()] == ["000001"]
    assert workshop.index().images == 201


def test_progress_tells_both_stages_to_the_end(workshop, write):
    workshop.paint_all()
    told = []
    request = IndexRequest(
        workshop.data_dir, "toy", (workshop.photos,), captions=write("token.txt", "red.png#0\tx\nblue.png#0\ty\n")
    )
    index_with(request, [workshop.encoder], progress=lambda *call: told.append(call))
    assert told[-2:] == [("images", 4, 4), ("captions", 2, 2)]
    told.clear()
    index_with(request, [workshop.encoder], progress=lambda *call: told.append(call))
    assert told == []  # there was nothing to do


def test_images_are_encoded_by_32_and_known_files_noted_by_128(workshop):
    for number in range(130):
        workshop.paint(f"{number:03}.png", (number, 0, 0))
    request, told = IndexRequest(workshop.data_dir, "toy", (workshop.photos,)), []
    index_with(request, [workshop.encoder], progress=lambda _, done, total: told.append((done, total)))
    assert told == [(32, 130), (64, 130), (96, 130), (128, 130), (130, 130)]
    told.clear()
    for path in workshop.photos.iterdir():
        os.utime(path, ns=(1, 1))
    index_with(request, [workshop.encoder], progress=lambda _, done, total: told.append((done, total)))
    assert told == [(128, 130), (130, 130)]


def test_rates_are_of_what_was_done_in_the_time_it_took(workshop, write):
    workshop.paint_all()
    captions = write("token.txt", "red.png#0\tx\nblue.png#0\ty\n")
    report = workshop.index(captions=captions)
    assert 4 / report.seconds < report.images_per_s < 1e6
    assert 2 / report.seconds < report.captions_per_s < 1e6
    again = workshop.index(captions=captions)
    assert (again.images_per_s, again.captions_per_s) == (None, None)
    assert 0 < again.seconds < 60


def test_an_unknown_collection_is_named_with_those_there_are(workshop):
    with pytest.raises(CollectionNotFoundError, match="there are none yet"):
        workshop.open()
