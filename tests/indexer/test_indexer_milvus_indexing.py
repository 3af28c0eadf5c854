"""Collections whose vectors are indexed in Milvus: the same commands and answers, and nothing of it is left behind."""

import time

import numpy as np
import pytest
from toy_matcher import ToyMatcher

from indexer.collections import collection_dir, delete_collection, verify_collection
from indexer.errors import VectorsAwayError, VectorsUrlMissingError
from indexer.generations import roll_back
from indexer.store.generation import open_current
from indexer.store.index_kind import VECTORS_URL
from indexer.store.milvus_session import session
from indexer.transfer import export_collection, import_collection


@pytest.fixture(params=["lite", pytest.param("server", marks=pytest.mark.slow)])
def server(request, monkeypatch):
    address = (
        request.getfixturevalue("milvus_lite") if request.param == "lite" else request.getfixturevalue("milvus").url
    )
    monkeypatch.setenv(VECTORS_URL, address)
    monkeypatch.setenv("SEMBLANCE_VECTORS_TIMEOUT_S", "20")
    monkeypatch.setenv("SEMBLANCE_VECTORS_KEEP_S", "0")
    opened = session()
    yield opened
    for name in opened.names("semblance_"):
        opened.drop(name)


def numbers(server) -> list[str]:
    """The generation and the side of what the server has."""
    return sorted("_".join(name.split("_")[3:6:2]) for name in server.names("semblance_"))


def found(workshop, colour: int) -> str:
    """The photograph that is nearest to another's vector."""
    with workshop.open() as generation:
        images = generation.vector_set("toy", "image")
        (record,) = generation.catalog.images_at(images.store.search(images.vectors([colour]), 1)[1][0])
        return record.name


def test_a_collection_lives_with_milvus_from_its_first_index_to_its_end(workshop, server, write):
    workshop.paint_all()
    captions = write("captions.csv", "file,caption\nred.png,fire\n")
    assert workshop.index(captions=captions, matchers=[ToyMatcher()]).generation == 1
    with workshop.open() as generation:
        for side, rows in (("image", 4), ("text", 1)):
            entry = generation.vector_set("toy", side).entry
            assert (entry.index_kind, entry.index_file, entry.rows) == ("milvus_hnsw", f"toy.{side}.milvus.json", rows)
            assert entry.recall_at_10 >= 0.98
        assert not generation.vector_set("toy", "image").entry.exact
        generation.check()
    assert [found(workshop, row) for row in range(4)] == workshop.names()
    assert numbers(server) == ["000001_image", "000001_text"]
    assert server.count("semblance_toy_toy_image") == 4  # by the alias
    for number in (2, 3):
        workshop.paint(f"{number}.png", (number, 9, 9))
        assert workshop.index(captions=captions).generation == number
    assert numbers(server) == ["000002_image", "000002_text", "000003_image", "000003_text"]
    assert verify_collection(workshop.data_dir, "toy").problems == ()
    assert server.count("semblance_toy_toy_image") == 6
    assert roll_back(workshop.data_dir, "toy").generation == 2
    assert server.count("semblance_toy_toy_image") == 5
    assert len(workshop.names()) == 5
    delete_collection(workshop.data_dir, "toy")
    assert numbers(server) == []


def test_an_index_stays_for_as_long_as_is_set_after_its_generation_has_gone(workshop, server, monkeypatch):
    monkeypatch.setenv("SEMBLANCE_VECTORS_KEEP_S", "600")
    workshop.paint_all()
    workshop.index(keep=1)
    with workshop.open() as pinned:
        for number in (2, 3):
            workshop.paint(f"{number}.png", (number, 9, 9))
            workshop.index(keep=1)
        images = pinned.vector_set("toy", "image")
        assert images.store.search(images.vectors([2]), 1)[1].tolist() == [[2]]
    assert [number[:6] for number in numbers(server)] == ["000001", "000002", "000003"]
    workshop.index()
    assert len(numbers(server)) == 3
    monkeypatch.setenv("SEMBLANCE_VECTORS_KEEP_S", "0.001")
    workshop.index()
    assert [number[:6] for number in numbers(server)] == ["000003"]


def test_an_archive_needs_no_server(workshop, server, monkeypatch, tmp_path):
    workshop.paint_all()
    workshop.index(matchers=[ToyMatcher()])
    with workshop.open() as generation:
        before = np.array(generation.vector_set("toy", "image").matrix)
    export_collection(workshop.data_dir, "toy", tmp_path / "toy.tar")
    monkeypatch.delenv(VECTORS_URL)
    with pytest.raises(VectorsUrlMissingError, match="set SEMBLANCE_VECTORS_URL"):
        workshop.open()
    with pytest.raises(VectorsUrlMissingError):
        delete_collection(workshop.data_dir, "toy")
    assert workshop.root.is_dir()
    import_collection(tmp_path / "elsewhere", tmp_path / "toy.tar")
    with open_current(collection_dir(tmp_path / "elsewhere", "toy")) as generation:
        images = generation.vector_set("toy", "image")
        assert (images.entry.index_kind, images.entry.exact, images.entry.recall_at_10) == ("flat", True, 1.0)
        np.testing.assert_array_equal(images.matrix, before)
    assert verify_collection(tmp_path / "elsewhere", "toy").problems == ()


def test_a_collection_moves_in_and_out_with_its_next_generation(workshop, server, monkeypatch):
    address = server.settings.url
    monkeypatch.delenv(VECTORS_URL)
    workshop.paint_all()
    workshop.index()
    monkeypatch.setenv(VECTORS_URL, address)
    assert found(workshop, 2) == workshop.names()[2]  # what is there stays where it is
    for number, url, kind in ((2, address, "milvus_hnsw"), (3, None, "flat")):
        workshop.paint(f"{number}.png", (number, 9, 9))
        if url is None:
            monkeypatch.delenv(VECTORS_URL)
        assert workshop.index().generation == number
        with workshop.open() as generation:
            assert generation.vector_set("toy", "image").entry.index_kind == kind


@pytest.mark.slow
def test_a_server_killed_while_an_index_is_built_costs_the_run_and_nothing_that_was_published(
    workshop, milvus, monkeypatch
):
    monkeypatch.setenv(VECTORS_URL, milvus.url)
    monkeypatch.setenv("SEMBLANCE_VECTORS_TIMEOUT_S", "3")
    monkeypatch.setenv("SEMBLANCE_VECTORS_KEEP_S", "0")
    workshop.paint_all()
    assert workshop.index().generation == 1
    workshop.paint("black.png", (0, 0, 0))
    insert = type(session()._client()).insert

    def killing(*arguments, **options):
        milvus.kill()
        return insert(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setenv("SEMBLANCE_VECTORS_BUILD_TIMEOUT_S", "3")
        patch.setattr(type(session()._client()), "insert", killing)
        try:
            with pytest.raises(VectorsAwayError, match="what was stored is kept"):
                workshop.index()
        finally:
            milvus.start()
    deadline = time.monotonic() + 120
    while True:  # the server loads what it had
        try:
            assert len(workshop.names()) == 4
            assert found(workshop, 1) == workshop.names()[1]
            break
        except VectorsAwayError:
            assert time.monotonic() < deadline
    assert workshop.index().generation == 2
    assert workshop.encoder.images_encoded == 5
    assert [found(workshop, row) for row in range(5)] == workshop.names()
    workshop.index()
    assert {number[:6] for number in numbers(session())} == {"000001", "000002"}
    assert len(numbers(session())) == 2  # what the killed run had begun was dropped
    delete_collection(workshop.data_dir, "toy")
