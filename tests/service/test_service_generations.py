"""Generations are swapped under running requests; what cannot be served never takes the place of what can."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from colour_collection import COLOURS, assert_problem, index, names, save_colours
from starlette.testclient import TestClient
from toy_encoder import ToyEncoder
from toy_library import ToyLibrary

from indexer.errors import CollectionNameError, CollectionNotFoundError, DamagedGenerationError, ModelMismatchError
from models.cards import EncoderCard
from service.serving.encoder import Encoders
from service.serving.generations import CollectionChoiceError, Generations
from service.serving.matchers import Matchers


class OtherWeights(ToyEncoder):
    """The toy model, trained again."""

    def __init__(self, name: str = "toy") -> None:
        super().__init__(name)
        card = self.card
        self.card = EncoderCard(
            architecture="toy",
            name=card.name,
            description=card.description,
            dimension=card.dimension,
            preprocessing=card.preprocessing,
            weights_sha256="1" * 64,
            weights_bytes=0,
            licence=card.licence,
        )


@pytest.fixture
def growing(tmp_path: Path) -> Path:
    """The data folder of a collection of one picture; its pictures are beside it."""
    save_colours(tmp_path / "pictures", ["red"])
    index(tmp_path / "growing", "colours", tmp_path / "pictures")
    return tmp_path / "growing"


def grow(data_dir: Path, colours: list[str]) -> None:
    """Publish another generation."""
    save_colours(data_dir.parent / "pictures", colours)
    index(data_dir, "colours", data_dir.parent / "pictures")


def damage(data_dir: Path, suffix: str = ".npy") -> str:
    """Flip one bit in a file of the current generation, and return the file's name."""
    newest = max((data_dir / "collections" / "colours" / "generations").iterdir())
    file = next(path for path in sorted(newest.iterdir()) if path.name.endswith(suffix))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return file.name


@pytest.fixture
def encoders() -> Iterator[Encoders]:
    """The toy encoder, shared."""
    loaded = Encoders(ToyLibrary(), max_batch=8, finishing=ThreadPoolExecutor(1))
    yield loaded
    loaded.close()


@pytest.fixture
def generations(growing: Path, encoders: Encoders) -> Iterator[Generations]:
    """What is served of the growing collection."""
    served = Generations(growing, encoders.get, Matchers(ToyLibrary()))
    served.load_all()
    yield served
    served.close()


def test_a_pinned_generation_stays_usable_until_it_is_let_go(generations: Generations, growing: Path) -> None:
    with generations.pin("colours") as old:
        grow(growing, ["red", "green"])
        generations.reload("colours")
        with generations.pin("colours") as new:
            assert (old.generation.number, new.generation.number) == (1, 2)
            assert new.generation.catalog.image_count == 2
        assert old.generation.catalog.images_at([0])[0].name == "red.png"
        closed = []
        close = old.generation.close
        old.generation.close = lambda: (close(), closed.append(True))  # type: ignore[method-assign]
        assert not closed
    assert closed


def test_reloading_what_has_not_changed_keeps_the_open_generation(generations: Generations) -> None:
    with generations.pin("colours") as before:
        generations.reload("colours")
        with generations.pin("colours") as after:
            assert before is after


def test_reloading_an_impossible_name_is_refused_and_leaves_the_default_collection(generations: Generations) -> None:
    with pytest.raises(CollectionNameError):
        generations.reload("..")
    assert generations.default == "colours"


def test_a_collection_deleted_and_made_again_is_another_one_though_its_numbers_start_over(
    generations: Generations, growing: Path
) -> None:
    shutil.rmtree(growing / "collections" / "colours")
    grow(growing, ["blue"])
    generations.reload("colours")
    with generations.pin("colours") as serving:
        assert serving.generation.number == 1
        assert serving.generation.catalog.image_count == 2


@pytest.mark.parametrize("suffix", [".npy", ".sqlite", "manifest.json"])
def test_a_damaged_generation_is_refused_by_name_and_the_last_good_one_stays(
    generations: Generations, growing: Path, suffix: str
) -> None:
    grow(growing, ["red", "green"])
    name = damage(growing, suffix)
    with pytest.raises(DamagedGenerationError, match=name):
        generations.reload("colours")
    with generations.pin("colours") as serving:
        assert serving.generation.number == 1
    grow(growing, ["red", "green", "blue"])
    generations.reload("colours")
    with generations.pin("colours") as serving:
        assert serving.generation.catalog.image_count == 3


def test_a_collection_that_is_damaged_from_the_start_is_refused_with_its_reason(
    growing: Path, encoders: Encoders
) -> None:
    name = damage(growing)
    generations = Generations(growing, encoders.get, Matchers(ToyLibrary()))
    generations.load_all()
    assert generations.names == []
    for asked in ("colours", None):
        with pytest.raises(DamagedGenerationError, match=name), generations.pin(asked):
            pass


def test_what_is_published_made_and_deleted_is_noticed(generations: Generations, growing: Path) -> None:
    generations.refresh()
    with generations.pin("colours") as served:
        assert served.generation.number == 1
    grow(growing, ["red", "green"])
    shutil.copytree(growing / "collections" / "colours", growing / "collections" / "others")
    generations.refresh()
    assert generations.names == ["colours", "others"]
    with generations.pin("colours") as served:
        assert served.generation.number == 2
    shutil.rmtree(growing / "collections" / "others")
    generations.refresh()
    assert generations.names == ["colours"]


def test_a_generation_that_cannot_be_served_is_tried_once_and_the_next_one_is(
    generations: Generations, growing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(growing, ["red", "green"])
    damage(growing)
    tried: list[str] = []
    reload = generations.reload
    monkeypatch.setattr(generations, "reload", lambda name: (tried.append(name), reload(name)))
    for _ in range(3):
        generations.refresh()
    assert tried == ["colours"]
    with generations.pin("colours") as served:
        assert served.generation.number == 1
    grow(growing, ["red", "green", "blue"])
    generations.refresh()
    with generations.pin("colours") as served:
        assert served.generation.catalog.image_count == 3


def test_a_running_service_takes_what_is_published_by_itself(start: Callable[..., TestClient], tmp_path: Path) -> None:
    client = start(data_dir=tmp_path / "empty", watch_s=0.02)
    assert client.get("/collections").json()["collections"] == []
    save_colours(tmp_path / "pictures", ["red"])
    index(tmp_path / "empty", "colours", tmp_path / "pictures")
    wait_until(lambda: client.get("/readyz").status_code == 200)
    assert client.get("/collections").json()["default"] == "colours"
    save_colours(tmp_path / "pictures", ["green"])
    index(tmp_path / "empty", "colours", tmp_path / "pictures")
    wait_until(lambda: client.get("/collections/colours").json()["generation"] == 2)


def wait_until(come: Callable[[], bool]) -> None:
    """Wait at most twenty seconds."""
    deadline = time.monotonic() + 20
    while not come():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_index_of_other_weights_or_another_model_is_refused_and_both_are_named(growing: Path) -> None:
    encoders = Encoders(ToyLibrary(OtherWeights), max_batch=8, finishing=ThreadPoolExecutor(1))
    with pytest.raises(ModelMismatchError, match=r"0000.*1111"):
        Generations(growing, encoders.get, Matchers(ToyLibrary())).reload("colours")
    with pytest.raises(ModelMismatchError, match="toy, not with other"):
        Generations(growing, encoders.get, Matchers(ToyLibrary()), model="other").reload("colours")
    encoders.close()


def test_a_collection_that_was_deleted_leaves_the_service(generations: Generations, growing: Path) -> None:
    shutil.rmtree(growing / "collections" / "colours")
    with pytest.raises(CollectionNotFoundError):
        generations.reload("colours")
    assert generations.names == []
    with pytest.raises(CollectionChoiceError, match="none yet"), generations.pin(None):
        pass


def test_over_http_a_damaged_generation_is_a_503_that_names_the_file_and_searches_go_on(
    start: Callable[..., TestClient], growing: Path
) -> None:
    client = start(data_dir=growing)
    grow(growing, ["red", "green"])
    name = damage(growing)
    assert_problem(client.post("/collections/colours/reload"), 503, name)
    answer = client.post("/search/text", json={"query": "green"})
    assert names(answer) == ["red"]
    assert answer.json()["collection"]["generation"] == 1
    assert client.get("/readyz").status_code == 200
    grow(growing, ["red", "green", "blue"])
    reloaded = client.post("/collections/colours/reload")
    assert (reloaded.status_code, reloaded.json()["images"]) == (200, 3)
    assert names(client.post("/search/text", json={"query": "blue", "k": 1})) == ["blue"]


def test_over_http_a_collection_that_was_damaged_before_the_start_is_a_503(
    start: Callable[..., TestClient], growing: Path
) -> None:
    name = damage(growing)
    client = start(data_dir=growing)
    assert_problem(client.post("/search/text", json={"query": "red"}), 503, name)
    assert_problem(client.get("/readyz"), 503)
    assert client.get("/livez").status_code == 200


def test_over_http_an_index_of_another_model_is_a_409_that_names_both(
    start: Callable[..., TestClient], growing: Path
) -> None:
    client = start(data_dir=growing, model="other")
    assert_problem(client.post("/search/text", json={"query": "red"}), 409, "toy", "other")
    assert_problem(client.get("/collections/colours"), 409, "toy", "other")
    assert client.get("/collections").json() == {"collections": [], "default": "colours"}


def test_collections_are_described(client: TestClient) -> None:
    listed = client.get("/collections").json()
    (colours,) = listed["collections"]
    assert listed["default"] == "colours"
    assert client.get("/collections/colours").json() == colours
    assert (colours["images"], colours["captions"]) == (len(COLOURS), len(COLOURS))
    assert colours["models"] == [{"name": "toy", "dimension": 4, "explain_methods": ["grad-cam"]}]
    assert colours["matchers"] == []
    assert colours["index"] == {"kind": "flat", "exact": True, "recall_at_10": 1.0}
    assert_problem(client.get("/collections/sounds"), 404, "colours")
    assert_problem(client.post("/collections/sounds/reload"), 404, "colours")
    assert_problem(client.post("/collections/No..Name/reload"), 404)


def test_a_collection_indexed_after_the_start_is_served_once_it_is_loaded(
    client: TestClient, data_dir: Path, pictures: Path
) -> None:
    index(data_dir, "late", pictures)
    assert_problem(client.post("/search/text", json={"query": "red", "collection": "late"}), 404)
    assert client.post("/collections/late/reload").json()["name"] == "late"
    assert names(client.post("/search/text", json={"query": "red", "collection": "late", "k": 1})) == ["red"]


def test_searches_go_on_while_generations_are_swapped_under_them(
    http: Callable[..., httpx.Client], growing: Path
) -> None:
    client = http(data_dir=growing)
    stop = threading.Event()

    def search() -> set[tuple[int, int]]:
        seen = set()
        while not stop.is_set():
            answer = client.post("/search/text", json={"query": "red", "k": 9})
            assert names(answer)[0] == "red"
            seen.add((answer.json()["collection"]["generation"], len(answer.json()["results"])))
        return seen

    with ThreadPoolExecutor(3) as callers:
        searching = [callers.submit(search) for _ in range(3)]
        for number in range(2, 8):
            grow(growing, list(COLOURS)[:number])
            assert client.post("/collections/colours/reload").json()["generation"] == number
        stop.set()
        seen = set.union(*(future.result() for future in searching))
    assert len(seen) > 1
    # never one generation's index with another's rows
    assert all(generation == results for generation, results in seen)
