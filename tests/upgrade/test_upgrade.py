"""A data folder that release a8a1e45 wrote works: it is opened, searched, looked after and brought up to date."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from toy_encoder import ToyEncoder
from toy_indexing import index_with
from toy_library import ToyLibrary
from toy_matcher import ToyMatcher
from typer.testing import CliRunner

import service.offline
from indexer.collections import collection_roots, list_collections, verify_collection
from indexer.generations import list_generations, roll_back
from indexer.ingest.request import IndexReport, IndexRequest
from indexer.store.generation import open_current
from indexer.transfer import export_collection, import_collection
from service.app import create_app
from service.cli import app as program
from service.settings import Settings

NAMES = ["copy of red.png", "green.png", "blue.png", "yellow.png"]
RED = "457696c721a5b45b5f78762044597174"
"""The id that the release gave the red image."""


class OtherWeights(ToyEncoder):
    """A model of the same name, trained anew."""

    def __init__(self, name: str = "toy") -> None:
        super().__init__(name)
        self.card = replace(self.card, weights_sha256="1" * 64)


def again(place: Path, encoder: ToyEncoder | None = None, **options: object) -> IndexReport:
    """Bring the collection up to date, as ``semblance index --again toy`` does."""
    request = IndexRequest(place / "data", "toy", (), add=True, **options)
    return index_with(request, [encoder or ToyEncoder()], [ToyMatcher()])


def names(place: Path) -> list[str]:
    with open_current(place / "data" / "collections" / "toy") as generation:
        return [record.name for record in generation.catalog.images_at(range(generation.catalog.image_count))]


@pytest.fixture
def serve(old: Path) -> Iterator[Callable[..., TestClient]]:
    """Start a service over the data folder, whose models are given."""
    with ExitStack() as stack:

        def begin(load: Callable[[str], ToyEncoder] = ToyEncoder) -> TestClient:
            app = create_app(Settings(data_dir=old / "data", watch_s=0), ToyLibrary(load))
            client = stack.enter_context(TestClient(app))
            for _ in range(2000):
                if app.state.parts.generations.loading == ():
                    return client
                time.sleep(0.01)
            raise AssertionError("the collection was not loaded")

        yield begin


def test_it_is_listed_verified_and_opened(old):
    (summary,) = list_collections(old / "data")
    assert (summary.name, summary.generation, summary.images, summary.captions) == ("toy", 2, 4, 3)
    assert (summary.models, summary.matchers, summary.problem) == (("toy",), ("toy-matcher",), None)
    assert verify_collection(old / "data", "toy").problems == ()
    with open_current(old / "data" / "collections" / "toy") as generation:
        records = generation.catalog.images_at(range(4))
        assert [record.name for record in records] == NAMES
        assert (records[0].id, records[0].captions, records[0].width) == (RED, ("a red wall",), 12)
        assert (records[0].tags, records[0].lens, records[0].title) == ((), None, None)
        assert [record.name for record in generation.catalog.browse("name", None, 9)] == sorted(NAMES)
        query = ToyEncoder().encode_texts(["blue"])
        assert generation.vector_set("toy", "image").store.search(query, 1)[1].tolist() == [[2]]


def test_it_is_searched_over_http(serve):
    client = serve()
    answer = client.post("/search/text", json={"query": "red", "k": 2}).json()
    assert answer["results"][0]["id"] == RED
    assert answer["collection"]["generation"] == 2
    assert client.get(f"/images/{RED}").json()["captions"] == ["a red wall"]
    assert client.post("/search/text", json={"query": "blue", "target": "text"}).json()["results"][0]["caption"] == (
        "the blue sea"
    )


def test_with_other_weights_it_answers_409_and_names_the_command(serve):
    answer = serve(OtherWeights).post("/search/text", json={"query": "red"})
    assert answer.status_code == 409
    assert answer.json()["detail"].endswith("index it again: semblance index --again toy")


def test_with_other_weights_the_command_line_names_the_command_in_one_line(old, monkeypatch):
    monkeypatch.setattr(service.offline, "InstalledModels", lambda *_, **__: ToyLibrary(OtherWeights))
    refused = CliRunner().invoke(program, ["search", "toy", "red", "--data-dir", str(old / "data")])
    assert refused.exit_code == 1
    (line,) = refused.stderr.splitlines()
    assert line.endswith("index it again: semblance index --again toy")


def test_the_next_run_brings_it_up_to_date_without_encoding_and_keeps_the_ids(old):
    encoder = ToyEncoder()
    report = again(old, encoder)
    assert (report.generation, report.images, report.captions, encoder.images_encoded) == (3, 4, 3, 0)
    assert [path for path, _ in report.failed] == [str(old / "photos" / "2024" / "broken.jpg")]
    with open_current(old / "data" / "collections" / "toy") as generation:
        records = generation.catalog.images_at(range(4))
        assert generation.catalog.original_keys(RED) == [
            str(old / "photos" / "2023" / name) for name in ("copy of red.png", "red.png")
        ]
    assert [record.name for record in records] == NAMES
    assert (records[0].id, records[0].captions) == (RED, ("a red wall",))
    assert all(record.modified_at for record in records)
    assert again(old).generation is None


def test_with_other_weights_the_command_that_is_named_makes_it_searchable(old):
    encoder = OtherWeights()
    report = again(old, encoder)
    assert (report.generation, encoder.images_encoded) == (3, 4)
    with open_current(old / "data" / "collections" / "toy") as generation:
        assert generation.vector_set("toy", "image").identity == encoder.card.identity


def test_new_photographs_are_added_and_those_that_went_go(old):
    (old / "photos" / "2024" / "blue.png").unlink()
    shutil.copy(old / "photos" / "2024" / "yellow.png", old / "photos" / "2023" / "a copy.png")
    assert (again(old).images, sorted(names(old))) == (3, ["a copy.png", "copy of red.png", "green.png"])


def test_without_the_working_state_it_goes_on_from_the_generation(old):
    shutil.rmtree(old / "data" / "collections" / "toy" / "work")
    encoder = ToyEncoder()
    request = IndexRequest(old / "data", "toy", (old / "photos",), captions=old / "captions.csv")
    report = index_with(request, [encoder], [ToyMatcher()])
    assert (report.images, encoder.images_encoded) == (4, 0)


def test_it_is_rolled_back_before_and_after_it_is_brought_up_to_date(old):
    assert [(one.number, one.current, one.images) for one in list_generations(old / "data", "toy")] == [
        (2, True, 4),
        (1, False, 2),
    ]
    roll_back(old / "data", "toy")
    assert names(old) == ["copy of red.png", "green.png"]
    again(old, keep=3)
    assert names(old) == NAMES
    roll_back(old / "data", "toy", 2)
    assert names(old) == NAMES


def test_it_is_exported_and_imported(old, tmp_path):
    export_collection(old / "data", "toy", tmp_path / "toy.tar")
    import_collection(tmp_path / "elsewhere", tmp_path / "toy.tar")
    with open_current(old / "data/collections/toy") as one, open_current(tmp_path / "elsewhere/collections/toy") as two:
        assert one.catalog.images_at(range(4)) == two.catalog.images_at(range(4))
        np.testing.assert_array_equal(one.vector_set("toy", "text").matrix, two.vector_set("toy", "text").matrix)


def test_the_folders_of_its_last_run_are_known(old):
    assert collection_roots(old / "data", "toy") == ["/photographs/photos/2023", "/photographs/photos/2024"]
    pointer = json.loads((old / "data" / "collections" / "toy" / "CURRENT").read_bytes())
    assert pointer.keys() == {"generation", "manifest_sha256"}
