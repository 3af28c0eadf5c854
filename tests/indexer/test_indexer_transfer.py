"""A collection becomes one file and again a collection; nothing that was changed on the way comes in, nor a half."""

import io
import json
import shutil
import tarfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from toy_encoder import ToyEncoder
from toy_indexing import index_with
from toy_matcher import ToyMatcher

from indexer.collections import collection_dir, list_collections, locked, verify_collection
from indexer.errors import ArchiveError, CollectionExistsError, DamagedGenerationError, ExportFileError, SourceError
from indexer.ingest.request import IndexRequest
from indexer.layout import CollectionLayout
from indexer.store.generation import open_current
from indexer.transfer import export_collection, import_collection


@pytest.fixture
def exported(workshop, write, tmp_path) -> Path:
    workshop.paint_all()
    captions = write("captions.csv", "file,caption\nred.png,red\nblue.png,blue sea\n")
    workshop.index(matchers=[ToyMatcher()], captions=captions)
    export_collection(workshop.data_dir, "toy", tmp_path / "toy.tar")
    return tmp_path / "toy.tar"


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    return tmp_path / "elsewhere"


def content(data_dir: Path, name: str) -> tuple:
    with open_current(collection_dir(data_dir, name)) as generation:
        catalog = generation.catalog
        return (
            catalog.images_at(range(catalog.image_count)),
            catalog.captions_at(range(catalog.caption_count)),
            np.array(generation.vector_set("toy", "image").matrix).tobytes(),
            np.array(generation.vector_set("toy", "text").matrix).tobytes(),
            np.array(generation.feature_arrays["toy-matcher"].matrix).tobytes(),
        )


def test_what_was_exported_comes_back_as_it_was(workshop, exported, elsewhere):
    assert import_collection(elsewhere, exported).images == 4
    assert content(elsewhere, "toy") == content(workshop.data_dir, "toy")
    assert verify_collection(elsewhere, "toy").problems == ()
    assert import_collection(elsewhere, exported, "other").collection == "other"
    assert [one.name for one in list_collections(elsewhere)] == ["other", "toy"]
    assert sorted(path.name for path in (elsewhere / "collections").iterdir()) == ["other", "toy"]


def test_indexing_goes_on_from_what_was_imported_without_encoding(workshop, exported):
    shutil.rmtree(workshop.root)
    import_collection(workshop.data_dir, exported)
    encoder, matcher = ToyEncoder(), ToyMatcher()
    report = workshop.index(encoders=[encoder], matchers=[matcher], add=True)
    assert (report.generation, report.images, report.captions, encoder.images_encoded) == (None, 4, 2, 0)
    workshop.paint("new.png", (9, 9, 9))
    assert workshop.index(encoders=[encoder], matchers=[matcher], add=True).generation == 2
    assert encoder.images_encoded == 1


def test_a_run_over_what_was_imported_that_finds_nothing_to_index_leaves_it(exported, elsewhere, workshop):
    import_collection(workshop.data_dir, exported, "copy")
    before = content(workshop.data_dir, "copy")

    with pytest.raises(SourceError):
        index_with(IndexRequest(workshop.data_dir, "copy", (elsewhere,)), [ToyEncoder()])
    assert content(workshop.data_dir, "copy") == before


def test_an_archive_is_a_plain_tar_file(exported):
    with tarfile.open(exported) as archive:
        assert archive.getnames() == [
            "semblance-collection.json",
            "manifest.json",
            "catalog.sqlite",
            "toy-matcher.features.npy",
            "toy.image.vectors.npy",
            "toy.text.vectors.npy",
        ]


def test_a_collection_of_that_name_is_not_replaced(workshop, exported):
    with pytest.raises(CollectionExistsError, match="give this one another name with --name"):
        import_collection(workshop.data_dir, exported)


def test_a_file_that_exists_is_not_overwritten_and_a_folder_that_does_not_is_told(workshop, exported, tmp_path):
    with pytest.raises(ExportFileError, match=r"toy\.tar exists already"):
        export_collection(workshop.data_dir, "toy", exported)
    with pytest.raises(ExportFileError, match=r"the folder .*/absent does not exist"):
        export_collection(workshop.data_dir, "toy", tmp_path / "absent" / "toy.tar")


@pytest.mark.parametrize("change", [lambda content: content[:-1], lambda content: content[:-1] + b"\xff", None])
def test_a_damaged_generation_is_not_exported_and_leaves_no_file(workshop, tmp_path, change):
    workshop.paint_all()
    workshop.index()
    vectors = workshop.root / "generations" / "000001" / "toy.image.vectors.npy"
    if change is None:
        vectors.unlink()
    else:
        vectors.write_bytes(change(vectors.read_bytes()))
    with pytest.raises(DamagedGenerationError, match=r"toy\.image\.vectors\.npy"):
        export_collection(workshop.data_dir, "toy", tmp_path / "toy.tar")
    assert not [path for path in tmp_path.iterdir() if "toy.tar" in path.name]


def refused(elsewhere: Path, archive: bytes) -> str:
    """Import an archive that must be refused, and return why; nothing of it stays."""
    file = elsewhere.with_name("changed.tar")
    file.write_bytes(archive)
    with pytest.raises(ArchiveError) as told:
        import_collection(elsewhere, file)
    assert not (elsewhere / "collections").exists() or list((elsewhere / "collections").iterdir()) == []
    return str(told.value)


def test_an_archive_that_is_cut_off_is_refused_wherever(exported, elsewhere):
    whole = exported.read_bytes()
    with tarfile.open(exported) as archive:
        last = archive.getmembers()[-1]
    for size in [0, 1, 511, 512, 600, 5000, *range(1024, last.offset_data + last.size, 3 * 512 + 7)]:
        refused(elsewhere, whole[:size])


def test_a_flipped_bit_is_found_wherever_it_counts(exported, elsewhere):
    whole = bytearray(exported.read_bytes())
    with tarfile.open(exported) as archive:
        spans = [(member.offset_data, member.size) for member in archive.getmembers()]
    for start, size in spans:
        for place in range(start, start + size, max(1, size // 25)):
            whole[place] ^= 4
            refused(elsewhere, bytes(whole))
            whole[place] ^= 4
    file = elsewhere.with_name("again.tar")
    file.write_bytes(whole)
    assert import_collection(elsewhere, file).images == 4


def rebuilt(exported: Path, change) -> bytes:
    """Write the archive anew with changed members: ``change`` is given a list of (member, content)."""
    with tarfile.open(exported) as archive:
        members = [(member, archive.extractfile(member).read()) for member in archive.getmembers()]
    result = io.BytesIO()
    with tarfile.open(fileobj=result, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member, data in change(members):
            member.size = len(data) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(data))
    return result.getvalue()


def with_manifest(exported: Path, old: str, new: str) -> bytes:
    """Change the manifest and make the hash that vouches for it right again, as an attacker would."""

    def change(members):
        (header, pointer), (manifest, told), *files = members
        told = told.decode().replace(old, new).encode()
        described = json.loads(pointer)
        described["pointer"]["manifest_sha256"] = sha256(told).hexdigest()
        return [(header, json.dumps(described).encode()), (manifest, told), *files]

    return rebuilt(exported, change)


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "sub/evil", ".evil", "manifest.json", "catalog.sqlite"])
def test_names_that_lead_out_of_the_collection_are_refused(exported, elsewhere, name):
    archive = with_manifest(exported, "toy.text.vectors.npy", name)
    assert "it names files that no index has" in refused(elsewhere, archive)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"generation": 1', '"generation": 2', "manifest is that of another generation"),
        ('"images": 4', '"images": 5', "has features of 4 images"),
        ('"schema_version": 1', '"schema_version": 9', "a form that this version"),
        ('"bytes": ', '"bytes": 1', "has another size"),
    ],
)
def test_a_manifest_that_says_what_is_not_so_is_refused(exported, elsewhere, old, new, told):
    assert told in refused(elsewhere, with_manifest(exported, old, new))


def test_links_devices_and_other_members_are_refused(exported, elsewhere):
    def first_file(kind: bytes):
        def change(members):
            members[2][0].type, members[2][0].linkname = kind, "/etc/passwd"
            return members

        return change

    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.XHDTYPE):
        assert "where catalog.sqlite should be" in refused(elsewhere, rebuilt(exported, first_file(kind)))
    assert "where catalog.sqlite should be" in refused(
        elsewhere, rebuilt(exported, lambda members: members[:2] + members[3:])
    )
    assert "more than its manifest says" in refused(
        elsewhere, rebuilt(exported, lambda members: [*members, (tarfile.TarInfo("more"), b"x")])
    )


def test_a_header_that_asks_for_much_memory_is_refused(exported, elsewhere):
    huge = tarfile.TarInfo("semblance-collection.json")
    huge.size = 2**60
    archive = huge.tobuf(tarfile.GNU_FORMAT) + exported.read_bytes()
    assert "more than the limit of 4,096" in refused(elsewhere, archive)


def test_other_files_are_refused(elsewhere):
    elsewhere.mkdir()
    for other in (b"", b"not an archive" * 100, b"\0" * 10240):
        refused(elsewhere, other)


def test_what_killed_imports_left_is_swept_but_not_what_is_being_imported(exported, elsewhere):
    left, busy = (elsewhere / "collections" / f".importing-toy-{number}" for number in (1, 2))
    for folder in (left, busy):
        folder.mkdir(parents=True)
        (folder / "half").write_bytes(b"x")
    with locked(CollectionLayout(busy)):
        import_collection(elsewhere, exported)
    assert sorted(path.name for path in (elsewhere / "collections").iterdir()) == [busy.name, "toy"]
    assert [one.name for one in list_collections(elsewhere)] == ["toy"]
