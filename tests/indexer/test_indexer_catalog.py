"""What a catalog must do, of every database and of the oracle alike; and at random, both say the same."""

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from memory_catalog import MemoryDatabase

from indexer.catalog.base import CatalogDatabase, ImageFacts, SeenFile, content_id, text_sha256
from indexer.catalog.sqlite_database import SqliteDatabase
from indexer.sources.base import NO_OPTIONS, ListingOptions

TAKEN = datetime.fromisoformat("2020-01-02T03:04:05")
ADDED = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def digest(name: str) -> bytes:
    return sha256(name.encode()).digest()


def identity(name: str) -> str:
    return content_id(digest(name))


def facts(name: str, width: int = 640) -> ImageFacts:
    return ImageFacts(digest(name), width, 480, "JPEG", TAKEN, "Maker One")


def base_name(key: str) -> str:
    return key.rpartition("/")[2]


def without_slash(key: str) -> str:
    return key.removeprefix("/")


@pytest.fixture(params=["sqlite", "memory", "postgresql"])
def database(request, tmp_path: Path) -> CatalogDatabase:
    """One more database is one more parameter."""
    if request.param == "postgresql":
        return postgres_database(request.getfixturevalue("postgres"), tmp_path)
    return SqliteDatabase(tmp_path / "work" / "catalog.sqlite") if request.param == "sqlite" else MemoryDatabase()


def postgres_database(server, folder: Path) -> CatalogDatabase:
    from indexer.catalog.postgres_database import PostgresDatabase

    return PostgresDatabase(server.url, 5.0, folder)


@pytest.fixture
def writer(database):
    opened = database.open_writer()
    yield opened
    opened.close()


@pytest.fixture
def read(database, writer, tmp_path):
    """Freeze the working state and open what readers see of it."""
    opened = []

    def freeze_and_open():
        writer.number_rows(without_slash)
        locator = str(tmp_path / f"frozen-{len(opened)}.sqlite")
        writer.freeze(locator)
        opened.append(database.open_reader(locator))
        return opened[-1]

    yield freeze_and_open
    for reader in opened:
        reader.close()


@pytest.fixture
def reader(writer, read):
    """Images a (two files), b and c in that order of rows; b has captions, one of which c has too."""
    writer.set_sources(["/photos"], [])
    seen = {"/photos/1.jpg": "a", "/photos/2.jpg": "b", "/photos/3.jpg": "c", "/photos/copy.jpg": "a"}
    writer.record([facts(name) for name in "abc"], [SeenFile(key, 5, 6, digest(name)) for key, name in seen.items()])
    writer.set_captions({identity("b"): ["two", "zwei"], identity("c"): ["three", "two"]})
    return read()


class TestReading:
    """What readers see of a frozen state."""

    def test_images_come_in_the_order_of_the_rows_asked(self, reader):
        records = reader.images_at([2, 0, 2])
        assert [record.id for record in records] == [identity(name) for name in "cac"]
        assert [record.row for record in records] == [2, 0, 2]
        first = records[1]
        assert (first.width, first.height, first.format) == (640, 480, "JPEG")
        assert (first.taken_at, first.camera, first.name) == (TAKEN, "Maker One", "1.jpg")
        assert [record.captions for record in records] == [("three", "two"), (), ("three", "two")]

    def test_an_image_has_all_that_its_file_told(self, writer, read):
        told = ImageFacts(
            digest("a"),
            3,
            4,
            "JPEG",
            TAKEN,
            "Maker One",
            "50 mm",
            200,
            -33.5,
            151.25,
            ("sea", "rock"),
            "Coast",
            "cut off",
            ADDED,
        )
        writer.record([told], [SeenFile("/photos/sub/1.jpg", 5, 1_700_000_000_123_456_789, digest("a"))])
        record = read().images_at([0])[0]
        assert (record.path, record.name) == ("photos/sub/1.jpg", "1.jpg")
        assert record.modified_at == datetime(2023, 11, 14, 22, 13, 20, 123456, UTC)
        assert record.orientation == "portrait"
        names = vars(record).keys() & vars(told)
        assert {name: getattr(record, name) for name in names} == {name: getattr(told, name) for name in names}
        assert names == vars(told).keys() - {"sha256", "decoder_revision", "told_by"}
        assert writer.titles() == {identity("a"): "Coast"}

    def test_rows_may_be_numbers_of_numpy(self, reader):
        assert reader.images_at(np.array([1])) == reader.images_at([1])
        assert reader.captions_at(np.array([1])) == reader.captions_at([1])

    def test_a_word_is_looked_for_in_captions_as_a_whole(self, reader):
        text = reader.captions_at([0])[0].text
        word = text.split()[0]
        assert reader.has_caption_with(word)
        assert reader.has_caption_with(word.upper())
        assert not reader.has_caption_with(word[:-1])
        assert not reader.has_caption_with("%")

    def test_images_come_in_the_order_of_the_ids_asked(self, reader):
        a, b, c = reader.images_at([0, 1, 2])
        assert reader.images_with_ids([c.id, a.id, b.id, a.id]) == [c, a, b, a]
        assert reader.images_with_ids([]) == []

    def test_a_caption_of_several_images_is_one_row(self, reader):
        assert (reader.image_count, reader.caption_count) == (3, 3)
        by_text = {record.text: record for record in reader.captions_at([2, 1, 0])}
        assert set(by_text) == {"two", "zwei", "three"}
        assert by_text["two"].image_ids == tuple(sorted([identity("b"), identity("c")]))
        assert by_text["zwei"].image_ids == (identity("b"),)

    def test_captions_come_in_the_order_of_the_rows_asked_and_rows_in_that_of_ids(self, reader):
        ids = sorted(content_id(text_sha256(text)) for text in ("two", "zwei", "three"))
        records = reader.captions_at([2, 0, 1, 2])
        assert [record.row for record in records] == [2, 0, 1, 2]
        assert [record.id for record in records] == [ids[2], ids[0], ids[1], ids[2]]

    def test_an_image_is_found_by_id_with_all_its_keys(self, reader):
        assert reader.image(identity("a")) == reader.images_at([0])[0]
        assert reader.original_keys(identity("a")) == ["/photos/1.jpg", "/photos/copy.jpg"]
        assert reader.roots() == ["/photos"]
        assert reader.image("0" * 32) is None
        assert reader.original_keys("0" * 32) == []

    def test_a_caption_is_found_by_id(self, reader):
        for record in reader.captions_at([0, 1, 2]):
            assert reader.caption(record.id) == record
        assert reader.caption("0" * 32) is None

    def test_what_is_not_there_is_an_error(self, reader):
        with pytest.raises(KeyError):
            reader.images_at([0, 3])
        with pytest.raises(KeyError):
            reader.captions_at([3])
        with pytest.raises(KeyError):
            reader.images_with_ids([identity("a"), "0" * 32])

    @pytest.mark.parametrize("order", ["taken", "added", "name"])
    @pytest.mark.parametrize("seed", range(3))
    def test_pages_of_every_size_go_through_all_images_in_order(self, writer, read, order, seed):
        chance = random.Random(seed)
        dates = [None, TAKEN, TAKEN + timedelta(milliseconds=1), TAKEN - timedelta(days=3000), datetime(1, 1, 1)]
        names = ["é", "Z", "a", "\N{GRINNING FACE}", "a b", "10", "9"]  # those of two folders are alike
        keys = [f"/{folder}/{name}" for folder in "xy" for name in names]
        added = [date and date.replace(tzinfo=UTC) for date in dates]
        writer.record(
            [replace(facts(key), taken_at=chance.choice(dates), added_at=chance.choice(added)) for key in keys],
            [SeenFile(key, 5, 6, digest(key)) for key in keys],
        )
        reader = read()

        def place(image):
            date = {"taken": image.taken_at, "added": image.added_at, "name": None}[order]
            before = (datetime(1, 1, 1) - date.replace(tzinfo=None)).total_seconds() if date else 1
            return (before, image.name, image.row)

        expected = sorted(reader.images_at(range(len(keys))), key=place)
        for size in (1, 3, len(keys), 99):
            found = reader.browse(order, None, size)
            while more := reader.browse(order, found[-1].row, size):
                found += more
            assert found == expected

    def test_many_threads_read_at_once(self, reader):
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda i: reader.images_at([i % 3, 0])[0].row, range(300)))
        assert answers == [i % 3 for i in range(300)]

    def test_a_frozen_state_never_changes(self, reader, writer, read):
        before = reader.images_at([0, 1, 2])
        writer.forget(["/photos/1.jpg", "/photos/copy.jpg"])
        writer.record([facts("d")], [SeenFile("/photos/0.jpg", 1, 1, digest("d"))])
        writer.set_captions({identity("d"): ["four"]})
        later = read()
        assert [record.name for record in later.images_at([0, 1, 2])] == ["0.jpg", "2.jpg", "3.jpg"]
        assert later.captions_at([0])[0].text == "four"
        assert (reader.images_at([0, 1, 2]), reader.caption_count) == (before, 3)


class TestWriting:
    """What the indexer notes and forgets."""

    def test_opening_again_keeps_the_content(self, database, tmp_path):
        writer = database.open_writer()
        writer.record([facts("a")], [SeenFile("/a", 1, 2, digest("a")), SeenFile("/b", 3, 4, None, "no image")])
        writer.set_sources(["/photos", "/more"], ["/tokens.txt"])
        writer.close()
        writer = database.open_writer()
        assert writer.seen_files() == {
            "/a": SeenFile("/a", 1, 2, digest("a")),
            "/b": SeenFile("/b", 3, 4, None, "no image"),
        }
        assert writer.sources() == (["/photos", "/more"], ["/tokens.txt"])
        writer.close()

    def test_what_is_listed_is_replaced_and_keeps_its_order(self, writer):
        assert writer.listing_options() == NO_OPTIONS
        for options in (ListingOptions(("b", "!a", "b/"), follow_links=True), ListingOptions(("c",)), NO_OPTIONS):
            writer.set_listing_options(options)
            assert writer.listing_options() == options

    def test_sources_are_replaced_and_keep_their_order(self, writer):
        assert writer.sources() == ([], [])
        writer.set_sources(["/z", "/a"], ["/2.txt", "/1.txt", "/3.txt"])
        assert writer.sources() == (["/z", "/a"], ["/2.txt", "/1.txt", "/3.txt"])
        writer.set_sources(["/b"], [])
        assert writer.sources() == (["/b"], [])

    def test_what_is_known_of_a_file_is_replaced_and_what_is_known_of_an_image_kept(self, writer, read):
        writer.record([facts("a")], [SeenFile("/a", 1, 2, digest("a")), SeenFile("/b", 1, 2, None, "cut off")])
        writer.record([facts("a", width=1), facts("b")], [SeenFile("/b", 5, 6, digest("b"))])
        assert writer.seen_files()["/b"] == SeenFile("/b", 5, 6, digest("b"))
        assert read().image(identity("a")).width == 640
        writer.record([], [SeenFile("/a", 7, 8, None, "cut off")])
        assert writer.seen_files()["/a"] == SeenFile("/a", 7, 8, None, "cut off")
        assert writer.forget([]) == 1

    def test_forgetting_the_last_file_of_an_image_forgets_the_image_and_its_captions(self, writer):
        held = [SeenFile("/1", 1, 2, digest("a")), SeenFile("/2", 1, 2, digest("a")), SeenFile("/3", 1, 2, digest("b"))]
        writer.record([facts("a"), facts("b")], held)
        writer.set_captions({identity("a"): ["alone", "shared"], identity("b"): ["shared"]})
        assert writer.forget(["/1"]) == 0
        assert list(writer.seen_files()) == ["/2", "/3"]
        assert writer.forget(["/2", "/never"]) == 1
        assert writer.number_rows(base_name) == ([digest("b")], ["shared"])

    def test_an_image_is_found_by_the_id_that_an_earlier_version_gave_it(self, writer, read):
        writer.record([facts("old")], [SeenFile("/1", 1, 2, digest("old"))])
        writer.record([facts("a")], [SeenFile("/1", 1, 2, digest("a"))], {digest("old"): digest("a")})
        assert writer.forget([]) == 0  # it is another image no more
        assert writer.departed(1, keep=3) == set()
        reader = read()
        (now,) = reader.images_at([0])
        assert reader.image(identity("old")) == reader.image(identity("a")) == now
        assert reader.images_with_ids([identity("old"), identity("a")]) == [now, now]
        assert writer.forget(["/1"]) == 1
        assert read().image(identity("old")) is None

    def test_the_first_file_of_an_image_tells_its_facts(self, writer, read):
        def told(key: str, **known: object) -> ImageFacts:
            return replace(facts("a"), told_by=key, decoder_revision=1, **known)

        files = [SeenFile(key, 1, 2, digest("a")) for key in ("/1", "/2")]
        writer.record([told("/2", title="second", added_at=ADDED, remark="cut off")], files[1:])
        writer.record([told("/1", title="first")], files[:1])
        writer.record([told("/2", title="changed")], files[1:])
        record = read().images_at([0])[0]
        assert (record.title, record.added_at, record.remark) == ("first", ADDED, "cut off")
        assert writer.revisions() == {digest("a"): 1}
        writer.record([replace(told("/2"), decoder_revision=2)], files[1:])
        assert writer.revisions() == {digest("a"): 2}

    def test_an_image_that_is_gone_is_known_for_some_generations_unless_it_returns(self, writer):
        seen = {name: [SeenFile(f"/{name}", 1, 2, digest(name))] for name in "abc"}
        writer.record([facts(name) for name in "abc"], [seen[name][0] for name in "abc"])
        assert writer.departed(4, keep=3) == set()
        writer.forget(["/a"])
        assert writer.departed(5, keep=3) == {digest("a")}
        writer.forget(["/b"])
        assert writer.departed(6, keep=3) == {digest("a"), digest("b")}
        writer.record([facts("a")], seen["a"])
        assert writer.departed(7, keep=3) == {digest("b")}
        writer.forget(["/a"])
        assert writer.departed(9, keep=3) == {digest("a")}
        assert writer.departed(9, keep=0) == set()

    def test_captions_are_replaced_and_keep_their_order(self, writer, read):
        writer.record([facts("a"), facts("b")], [SeenFile("/1", 1, 2, digest("a")), SeenFile("/2", 1, 2, digest("b"))])
        writer.set_captions({identity("a"): ["x", "y"], identity("b"): []})
        writer.set_captions({identity("a"): ["y", "x"]})
        assert [record.captions for record in read().images_at([0, 1])] == [("y", "x"), ()]
        writer.set_captions({identity("b"): ["z"]})
        replaced = read()
        assert [record.captions for record in replaced.images_at([0, 1])] == [(), ("z",)]
        assert replaced.caption_count == 1
        writer.set_captions({})
        assert read().caption_count == 0

    def test_rows_are_in_the_order_of_first_keys_and_given_anew(self, writer, read):
        files = {"/3": "a", "/2": "b", "/1": "a", "/4": "c"}
        writer.record([facts(name) for name in "abc"], [SeenFile(key, 1, 2, digest(files[key])) for key in files])
        assert writer.number_rows(base_name)[0] == [digest(name) for name in "abc"]
        writer.forget(["/1"])
        reader = read()
        assert [record.id for record in reader.images_at([0, 1, 2])] == [identity(name) for name in "bac"]
        assert [record.name for record in reader.images_at([0, 1, 2])] == ["2", "3", "4"]

    def test_names_in_no_encoding_are_kept_as_they_are(self, writer, read):
        keys = [os.fsdecode(b"/photos/caf\xe9.jpg"), "/photos/caf\N{LATIN SMALL LETTER E WITH ACUTE}.jpg"]
        writer.set_sources(keys[:1], keys[:1])
        writer.record([facts("a")], [SeenFile(key, 1, 2, digest("a")) for key in keys])
        assert set(writer.seen_files()) == set(keys)
        assert writer.sources() == (keys[:1], keys[:1])
        writer.number_rows(lambda key: "cafe")
        assert read_keys(read, writer) == [keys[1], keys[0]]  # 0xC3 0xA9 is before 0xE9

    def test_the_fingerprint_tells_every_visible_change_and_no_other(self, writer):
        seen_prints = set()

        def changed() -> bool:
            fingerprint = writer.fingerprint(["model"])
            new = fingerprint not in seen_prints
            seen_prints.add(fingerprint)
            return new

        writer.record([facts("a"), facts("b")], [SeenFile("/1", 1, 2, digest("a"))])
        assert changed()
        writer.record([], [SeenFile("/1", 1, 999, digest("a"))])
        assert not changed()  # touched, but the same content
        writer.record([], [SeenFile("/2", 1, 2, digest("b"))])
        assert changed()
        for texts in (["x", "y"], ["y", "x"], ["y"]):
            writer.set_captions({identity("a"): texts})
            assert changed()
        for roots in (["/"], ["/x", "/y"], ["/y", "/x"]):
            writer.set_sources(roots, [])
            assert changed()
        writer.set_sources(["/y", "/x"], ["/tokens.txt"])
        assert not changed()  # its captions are what readers see
        writer.number_rows(base_name)
        assert not changed()
        writer.record([], [SeenFile("/1", 1, 2, digest("b")), SeenFile("/2", 1, 2, digest("a"))])
        assert changed()
        writer.record([], [], {digest("z"): digest("a")})
        assert changed()  # an id more answers
        assert writer.fingerprint(["other model"]) not in seen_prints


def read_keys(read: Callable, writer) -> list[str]:
    """Return the keys of image a as a reader has them."""
    writer.number_rows(lambda key: "name")
    return read().original_keys(identity("a"))


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
@pytest.mark.parametrize("seed", range(4))
def test_at_random_every_database_says_what_the_oracle_says(request, tmp_path, seed, name):
    other = SqliteDatabase(tmp_path / "catalog.sqlite")
    databases = [other if name == "sqlite" else postgres_database(request.getfixturevalue("postgres"), tmp_path)]
    databases.append(MemoryDatabase())
    writers = [database.open_writer() for database in databases]
    chance = random.Random(seed)
    keys, names, texts = [f"/photos/{n}.jpg" for n in range(8)], "abcdef", ["one", "two", "three", "four"]

    def change() -> Callable:
        match chance.randrange(4):
            case 0:
                held = {key: chance.choice(names) for key in chance.sample(keys, 3)}
                seen = [SeenFile(key, chance.randrange(9), 2, digest(name)) for key, name in held.items()]
                return lambda writer: writer.record([facts(name) for name in held.values()], seen)
            case 1:
                failed = [SeenFile(chance.choice(keys), 1, 2, None, "cut off")]
                return lambda writer: writer.record([], failed)
            case 2:
                gone = chance.sample(keys, 2)
                return lambda writer: writer.forget(gone)
            case _:
                held = sorted({content_id(f.sha256) for f in writers[1].seen_files().values() if f.sha256})
                captions = {image: chance.sample(texts, chance.randrange(4)) for image in held}
                return lambda writer: writer.set_captions(captions)

    for step in range(40):
        change_both = change()
        assert len({str(change_both(writer)) for writer in writers}) == 1
        for writer in writers:
            writer.forget([])
        assert writers[0].seen_files() == writers[1].seen_files()
        assert writers[0].number_rows(base_name) == writers[1].number_rows(base_name)
        locator = str(tmp_path / f"{step}.sqlite")
        answers = []
        for database, writer in zip(databases, writers, strict=True):
            writer.freeze(locator)
            reader = database.open_reader(locator)
            records = reader.images_at(range(reader.image_count))
            kept = [reader.original_keys(record.id) for record in records]
            answers.append((records, kept, reader.captions_at(range(reader.caption_count))))
            reader.close()
        assert answers[0] == answers[1]
    for writer in writers:
        writer.close()
