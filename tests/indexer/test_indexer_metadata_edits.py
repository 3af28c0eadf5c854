"""Images keep ids and vectors when their metadata are edited, and when an earlier version had indexed them."""

from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pytest
from child_processes import wait_for
from PIL import ExifTags, Image
from starlette.testclient import TestClient
from toy_indexing import index_with
from toy_library import ToyLibrary

from indexer.catalog.base import ImageFacts, SeenFile, content_id
from indexer.catalog.sqlite_database import SqliteDatabase
from indexer.ingest.content_key import content_key
from indexer.ingest.encoded_vectors import EncodedVectors
from indexer.ingest.request import IndexRequest
from models.imaging.decode import InProcessDecoder
from models.imaging.formats import DECODER_REVISION
from service.app import create_app
from service.settings import Settings


class CountingDecoder(InProcessDecoder):
    """Notes how many images it decoded."""

    decoded = 0

    def decode(self, content, *, shrink_to=None):
        self.decoded += 1
        return super().decode(content, shrink_to=shrink_to)


def save(path: Path, colour: str, text: str = "", orientation: int = 0, **options) -> Path:
    tags = Image.Exif()
    if text:
        tags[0x010E] = text
    if orientation:
        tags[0x0112] = orientation
    Image.new("RGB", (12, 9), colour).save(path, exif=tags, **options)
    return path


@pytest.fixture
def run(workshop):
    """Index and return the report, the records by name, and how many images were decoded and encoded."""

    def index(**options):
        before, decoder = workshop.encoder.images_encoded, CountingDecoder()
        request = IndexRequest(workshop.data_dir, "toy", (workshop.photos,), **options)
        report = index_with(request, [workshop.encoder], decoder=decoder)
        with workshop.open() as generation:
            records = generation.catalog.images_at(range(generation.catalog.image_count))
        by_name = {record.name: record for record in records}
        return report, by_name, (decoder.decoded, workshop.encoder.images_encoded - before)

    return index


class TestEdits:
    """What an edit of a file's metadata changes."""

    def test_new_words_are_noted_under_the_old_id_without_decoding(self, workshop, run):
        path = save(workshop.photos / "a.jpg", "red", "a fire")
        _, before, _ = run()
        assert (before["a.jpg"].title, before["a.jpg"].captions) == ("a fire", ("a fire",))
        save(path, "red", "a sunset, and many more words than before")
        report, after, work = run()
        assert (report.generation, report.deleted, work) == (2, 0, (0, 0))
        assert after["a.jpg"].id == before["a.jpg"].id
        assert after["a.jpg"].captions == ("a sunset, and many more words than before",)
        assert after["a.jpg"].added_at == before["a.jpg"].added_at

    def test_all_that_a_file_tells_reaches_the_catalog(self, workshop, run):
        tags = Image.Exif()
        tags[ExifTags.Base.Model] = "Maker One"
        details = tags.get_ifd(ExifTags.IFD.Exif)
        details[ExifTags.Base.LensModel], details[ExifTags.Base.ISOSpeedRatings] = "50 mm", 200
        details[ExifTags.Base.DateTimeOriginal] = "2020:01:02 03:04:05"
        place = tags.get_ifd(ExifTags.IFD.GPSInfo)
        place[ExifTags.GPS.GPSLatitude], place[ExifTags.GPS.GPSLatitudeRef] = (33.0, 30.0, 0.0), "S"
        place[ExifTags.GPS.GPSLongitude], place[ExifTags.GPS.GPSLongitudeRef] = (151.0, 15.0, 0.0), "E"
        words = "".join(f"<rdf:li>{word}</rdf:li>" for word in ("sea", "rock"))
        xmp = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">'
            f"<dc:subject><rdf:Bag>{words}</rdf:Bag></dc:subject>"
            "<dc:title><rdf:Alt><rdf:li>Coast</rdf:li></rdf:Alt></dc:title>"
            "</rdf:Description></rdf:RDF></x:xmpmeta>"
        )
        path = workshop.photos / "a.jpg"
        Image.new("RGB", (12, 9), "red").save(path, exif=tags, xmp=xmp.encode())
        _, decoded, _ = run()
        save(path, "red")
        run()
        Image.new("RGB", (12, 9), "red").save(path, exif=tags, xmp=xmp.encode())
        _, edited, work = run()
        assert work == (0, 0)  # what decoding tells and what is read beside the pixels is the same
        for record in (decoded["a.jpg"], edited["a.jpg"]):
            assert (record.camera, record.lens, record.iso) == ("Maker One", "50 mm", 200)
            assert (record.latitude, record.longitude) == (-33.5, 151.25)
            assert (record.tags, record.title, record.captions) == (("sea", "rock"), "Coast", ("Coast",))
            assert record.taken_at == datetime.fromisoformat("2020-01-02T03:04:05")

    def test_a_title_stands_behind_the_captions_that_people_gave(self, workshop, run):
        save(workshop.photos / "a.jpg", "red", "title of the file")
        (workshop.photos / "a.txt").write_text("beside it\n")
        _, records, _ = run()
        assert records["a.jpg"].captions == ("beside it", "title of the file")

    def test_a_turn_makes_another_image(self, workshop, run):
        path = save(workshop.photos / "a.jpg", "red")
        _, before, _ = run()
        save(path, "red", orientation=6)
        report, after, work = run()
        assert (report.deleted, work) == (1, (1, 1))
        assert after["a.jpg"].id != before["a.jpg"].id
        assert (after["a.jpg"].width, after["a.jpg"].height) == (9, 12)

    def test_copies_with_other_words_are_one_image_with_the_words_of_the_first(self, workshop, run):
        save(workshop.photos / "b.jpg", "red", "second")
        save(workshop.photos / "a.jpg", "red", "first")
        report, records, _ = run()
        assert (report.images, report.duplicates, records["a.jpg"].title) == (1, 1, "first")
        save(workshop.photos / "b.jpg", "red", "another")
        assert run()[0].generation is None
        save(workshop.photos / "a.jpg", "red", "changed")
        assert run()[1]["a.jpg"].title == "changed"


class TestUpgrade:
    """A collection that an earlier version made: keys of whole files, and an earlier decoder."""

    @pytest.fixture
    def old(self, workshop, run):
        """Index as the present version does, then put the working state back to what an earlier one left."""
        save(workshop.photos / "words.jpg", "red", "a fire", dpi=(72, 72))
        save(workshop.photos / "turned.jpg", "blue", "the sea", orientation=6)
        workshop.paint("plain.png", "green")
        Image.new("RGBA", (12, 9), (255, 255, 0, 0)).save(workshop.photos / "clear.png")
        run()
        work = workshop.root / "work"
        (work / "catalog.sqlite").unlink()
        hashes = {path: path.read_bytes() for path in sorted(workshop.photos.iterdir())}
        whole = {path: sha256(content).digest() for path, content in hashes.items()}
        vectors = EncodedVectors(work / "vectors", [workshop.encoder.card])
        vectors.adopt({whole[path]: content_key(content) for path, content in hashes.items()})
        vectors.compact({"image": set(whole.values()), "text": set()})
        vectors.close()
        writer = SqliteDatabase(work / "catalog.sqlite").open_writer()
        writer.record(
            [ImageFacts(key, 12, 9, "PNG" if path.suffix == ".png" else "JPEG") for path, key in whole.items()],
            [SeenFile(str(p), p.stat().st_size, p.stat().st_mtime_ns, whole[p]) for p in whole],
        )
        writer.set_sources([str(workshop.photos)], [])
        writer.close()
        return {path.name: content_id(key) for path, key in whole.items()}

    def test_only_what_the_decoder_s_revision_affects_is_decoded_and_encoded(self, old, workshop, run):
        report, records, work = run()
        assert work == (1, 1)  # the transparent one
        assert (report.images, report.added, report.deleted) == (4, 1, 0)
        turned = records["turned.jpg"]
        assert (turned.title, turned.width, turned.height, turned.orientation) == ("the sea", 9, 12, "portrait")
        assert [records[name].path for name in sorted(records)] == sorted(old)
        assert run()[2] == (0, 0)

    def test_old_ids_keep_answering(self, old, workshop, run):
        _, records, _ = run()
        assert records["plain.png"].id == old["plain.png"]
        assert records["words.jpg"].id != old["words.jpg"]
        with workshop.open() as generation:
            assert generation.catalog.images_with_ids(list(old.values())) == [records[name] for name in old]
            assert generation.catalog.image(old["words.jpg"]) == records["words.jpg"]
        (workshop.photos / "words.jpg").unlink()
        report, _, _ = run()
        assert report.deleted == 1
        with workshop.open() as generation:
            assert generation.catalog.image(old["words.jpg"]) is None

    def test_old_ids_answer_over_http(self, old, workshop, run):
        _, records, _ = run()
        before, now = old["words.jpg"], records["words.jpg"].id
        app = create_app(Settings(data_dir=workshop.data_dir, watch_s=0), ToyLibrary(lambda _name: workshop.encoder))
        with TestClient(app) as client:
            wait_for(lambda: client.get("/readyz").status_code == 200)
            assert client.get(f"/images/{before}").json() == client.get(f"/images/{now}").json()
            for part in ("thumbnail", "file"):
                assert client.get(f"/images/{before}/{part}").content == client.get(f"/images/{now}/{part}").content
            found = [client.post("/search/image", json={"id": name}).json()["results"] for name in (before, now)]
            assert found[0] == found[1]
            assert now not in [result["id"] for result in found[0]]  # an image does not find itself

    def test_a_file_that_was_moved_meanwhile_keeps_its_vector(self, old, workshop, run):
        (workshop.photos / "sub").mkdir()
        (workshop.photos / "words.jpg").rename(workshop.photos / "sub" / "moved.jpg")
        report, records, work = run()
        assert (work, report.away, report.deleted) == ((1, 1), (), 0)
        assert records["moved.jpg"].title == "a fire"

    def test_vectors_are_those_that_encoding_anew_gives(self, old, workshop, run):
        run()
        with workshop.open() as generation:
            adopted = generation.vector_set("toy", "image").matrix.copy()
        (workshop.root / "work" / "catalog.sqlite").unlink()
        for path in (workshop.root / "work" / "vectors").iterdir():
            path.unlink()
        (workshop.root / "CURRENT").unlink()
        _, _, work = run()
        assert work == (4, 4)
        with workshop.open() as generation:
            assert (generation.vector_set("toy", "image").matrix == adopted).all()

    def test_when_an_image_was_added_stays_unknown(self, old, workshop, run):
        _, records, _ = run()
        assert {record.added_at for record in records.values()} == {None}

    def test_the_revision_is_noted_of_all(self, old, workshop, run):
        run()
        writer = SqliteDatabase(workshop.root / "work" / "catalog.sqlite").open_writer()
        assert set(writer.revisions().values()) == {DECODER_REVISION}
        assert len(writer.revisions()) == 4
        writer.close()
