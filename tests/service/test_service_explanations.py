"""Which method explains, what it is given to look at, and what is remembered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from colour_collection import COLOURS, assert_problem, png
from PIL import Image
from starlette.testclient import TestClient
from toy_encoder import ToyEncoder
from toy_explainer import ToyExplainer, ToyPairExplainer
from toy_indexing import index_with
from toy_library import Explainers
from toy_matcher import NAME, ToyMatcher

from indexer.ingest.request import IndexRequest
from models.evidence import Evidence
from models.protocols import Match
from models.types import Pixels, Vectors
from service.api.state import State
from service.search.query import Query, Sentence
from service.serving.encoder import BatchingEncoder

SIZE = (48, 32)


class CountingEncoder(ToyEncoder):
    """Counts what it is given to encode."""

    def __init__(self, name: str = "toy") -> None:
        super().__init__(name)
        self.texts_encoded = 0

    @property
    def encoded(self) -> tuple[int, int]:
        return self.texts_encoded, self.images_encoded

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.texts_encoded += len(texts)
        return super().encode_texts(texts)


class SwappedEncoder(ToyEncoder):
    """A model for which red is blue and blue is red."""

    def encode_images(self, prepared: Pixels) -> Vectors:
        return super().encode_images(prepared[..., ::-1])


def load_encoder(name: str) -> ToyEncoder:
    return SwappedEncoder(name) if name == "second" else ToyEncoder(name)


class Recording(ToyPairExplainer):
    """Compares two images, and keeps what it was given and what it found."""

    def __init__(self) -> None:
        self.seen: list[tuple[Match, Evidence]] = []

    def explain(self, match: Match) -> Evidence:
        self.seen.append((match, super().explain(match)))
        return self.seen[-1][1]


def both_methods(_model: str) -> Explainers:
    return {"grad-cam": ToyExplainer, "toy-pair": ToyPairExplainer}


def one_method_beside_the_second_model(model: str) -> Explainers:
    return both_methods(model) if model == "second" else {"grad-cam": ToyExplainer}


def halves(left: str, right: str) -> Pixels:
    """Return a picture of two colours side by side."""
    pixels = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[:, : SIZE[0] // 2], pixels[:, SIZE[0] // 2 :] = COLOURS[left], COLOURS[right]
    return pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures that a test may change: some of two colours, some plain."""
    where = tmp_path / "pictures"
    where.mkdir()
    Image.fromarray(halves("red", "blue")).save(where / "red-blue.png")
    Image.fromarray(halves("red", "green")).save(where / "red-green.png")
    for name in ("red", "green", "blue"):
        Image.new("RGB", SIZE, COLOURS[name]).save(where / f"{name}.png")
    return where


@pytest.fixture
def data(folder: Path, tmp_path: Path) -> Path:
    """A data folder: the pictures with the vectors of two models and the features of a matcher of the first."""
    request = IndexRequest(tmp_path / "own", "pictures", (folder,))
    index_with(request, [load_encoder("toy"), load_encoder("second")], [ToyMatcher()])
    return tmp_path / "own"


def ids(client: Any) -> dict[str, str]:
    """Return the ids of the pictures by their names."""
    results = client.post("/search/text", json={"query": "red"}).json()["results"]
    return {result["metadata"]["name"].removesuffix(".png"): result["id"] for result in results}


def explain(client: Any, image_id: str, **parameters: Any) -> Any:
    return client.get("/explain", params={"image_id": image_id, **parameters})


def hot_columns(answer: Any) -> list[float]:
    """Return the heat of each column, which all rows share."""
    assert answer.status_code == 200, answer.text
    values = np.array(answer.json()["heat_map"]["values"])
    assert (values == values[0]).all()
    return values[0].tolist()


LEFT, RIGHT = [1.0] * 4 + [0.0] * 4, [0.0] * 4 + [1.0] * 4


class TestMethods:
    """``method=``, from the request to the model."""

    def test_the_method_that_is_asked_for_explains(self, start: Callable[..., TestClient], data: Path) -> None:
        client = start(data_dir=data, explainers=both_methods)
        picture = ids(client)
        asked = {"query": "red", "modifier": ["+blue", "+blue"]}  # together magenta: both halves agree with it
        for method, image, hot in (("grad-cam", {}, [1.0] * 8), ("toy-pair", {"query_image_id": picture["red"]}, LEFT)):
            answer = explain(client, picture["red-blue"], method=method, **(image or asked))
            assert hot_columns(answer) == hot
            assert answer.json()["method"] == method
            assert f"method={method}" in answer.json()["overlay_url"]
        uploaded = {"image_id": picture["red-blue"], "method": "toy-pair"}
        assert hot_columns(client.post("/explain", data=uploaded, files={"file": ("x", png("blue"))})) == RIGHT

    def test_a_method_that_does_not_fit_the_model_is_refused_with_those_that_do(
        self, start: Callable[..., TestClient], data: Path
    ) -> None:
        client = start(data_dir=data, explainers=one_method_beside_the_second_model)
        image_id = ids(client)["red"]
        asked = {"query": "red", "method": "toy-pair"}
        assert explain(client, image_id, model="second", **asked).status_code == 200
        told = ("'toy-pair'", "'toy'", "there are: grad-cam.")
        assert_problem(explain(client, image_id, **asked), 422, *told)
        assert_problem(explain(client, image_id, format="png", **asked), 422, *told)
        known = client.get("/explain", params={"image_id": image_id, **asked}, headers={"If-None-Match": "*"})
        assert_problem(known, 422, *told)
        form = {"image_id": image_id, "method": "guess"}
        assert_problem(client.post("/explain", data=form, files={"file": ("x", png())}), 422, "'guess'", "grad-cam")


class TestPairs:
    """A method that looks at both images gets both."""

    @pytest.mark.parametrize("how", ["uploaded", "of the collection"])
    def test_both_images_are_explained(
        self, start: Callable[..., TestClient], data: Path, folder: Path, how: str
    ) -> None:
        recording = Recording()
        client = start(data_dir=data, explainers=lambda _model: {"toy-pair": lambda: recording})
        picture, asked = ids(client), {"method": "toy-pair", "modifier": "+blue"}
        if how == "uploaded":
            files = {"file": ("query.png", (folder / "red-blue.png").read_bytes())}
            answer = client.post("/explain", data={"image_id": picture["red"], **asked}, files=files)
        else:
            answer = explain(client, picture["red"], query_image_id=picture["red-blue"], **asked)
        assert hot_columns(answer) == [0.5] * 8  # every place is red, and half of the query's image is
        ((match, evidence),) = recording.seen
        assert set(match.images) == {"result", "query"}
        np.testing.assert_array_equal(match.images["query"].pixels, ToyEncoder().prepare(halves("red", "blue")))
        assert evidence.heat("query").tolist() == [LEFT] * 8  # where it is as red as the result
        assert [share["term"] for share in answer.json()["contributions"]] == ["image", "+blue"]
        assert match.query.labels == ("image", "+blue")
        np.testing.assert_allclose(
            match.query.terms[0].vector, ToyEncoder().encode_images(match.images["query"].pixels[None])[0], atol=1e-6
        )

    def test_a_sentence_has_no_image_of_its_own(self, start: Callable[..., TestClient], data: Path) -> None:
        recording = Recording()
        client = start(data_dir=data, explainers=lambda _model: {"toy-pair": lambda: recording})
        assert hot_columns(explain(client, ids(client)["red-blue"], query="red", method="toy-pair")) == LEFT
        ((match, evidence),) = recording.seen
        assert set(match.images) == {"result"}
        with pytest.raises(LookupError):
            evidence.heat("query")

    def test_only_a_method_that_looks_at_the_query_image_needs_its_file(
        self, start: Callable[..., TestClient], data: Path, folder: Path
    ) -> None:
        client = start(data_dir=data, explainers=both_methods)
        picture = ids(client)
        (folder / "blue.png").unlink()
        asked = {"image_id": picture["red-blue"], "query_image_id": picture["blue"]}
        assert hot_columns(client.get("/explain", params={"method": "grad-cam", **asked})) == RIGHT
        gone = client.get("/explain", params={"method": "toy-pair", **asked})
        assert_problem(gone, 404, picture["blue"], "index again")

    def test_each_image_has_the_region_that_the_model_sees_of_it(
        self, start: Callable[..., TestClient], folder: Path, tmp_path: Path
    ) -> None:
        class Cropping(ToyEncoder):
            def __init__(self, name: str = "toy") -> None:
                super().__init__(name)
                self.card = replace(self.card, preprocessing=replace(self.card.preprocessing, fit="crop"))

        index_with(IndexRequest(tmp_path / "cropped", "pictures", (folder,)), [Cropping()])
        recording = Recording()
        client = start(
            data_dir=tmp_path / "cropped",
            load_encoder=Cropping,
            explainers=lambda _model: {"toy-pair": lambda: recording},
        )
        form = {"image_id": ids(client)["red"], "method": "toy-pair"}
        answer = client.post("/explain", data=form, files={"file": ("x", png(size=(10, 20)))})
        wide, tall = pytest.approx((1 / 6, 0, 5 / 6, 1)), pytest.approx((0, 0.25, 1, 0.75))  # 48 x 32, 10 x 20
        assert answer.json()["heat_map"]["region"] == wide
        ((match, _),) = recording.seen
        assert (match.images["result"].region, match.images["query"].region) == (wide, tall)


def test_a_method_that_explains_sentences_fits_no_other_query(start: Callable[..., TestClient], data: Path) -> None:
    client = start(data_dir=data, explainers=lambda _model: {"toy": ToyExplainer, "sentences": ToyExplainer})
    picture = ids(client)
    words = explain(client, picture["red"], query="red", method="sentences")
    assert words.json()["methods"] == ["toy", "sentences"]
    asked = {"image_id": picture["red"], "query_image_id": picture["blue"]}
    assert client.get("/explain", params=asked).json()["methods"] == ["toy"]
    assert_problem(client.get("/explain", params={"method": "sentences", **asked}), 422, "'sentences'", "are: toy.")


def test_a_method_gets_the_stored_vector_and_the_features_of_the_model_s_matchers(
    start: Callable[..., TestClient], data: Path
) -> None:
    recording = Recording()
    client = start(data_dir=data, load_encoder=load_encoder, explainers=lambda _model: {"toy-pair": lambda: recording})
    image_id = ids(client)["red-green"]
    for model in ("toy", "second"):
        assert explain(client, image_id, query="red", method="toy-pair", model=model).status_code == 200
    (first, _), (second, _) = recording.seen
    prepared = ToyEncoder().prepare(halves("red", "green"))[None]
    np.testing.assert_allclose(first.vector, ToyEncoder().encode_images(prepared)[0], atol=1e-6)
    np.testing.assert_allclose(second.vector, SwappedEncoder().encode_images(prepared)[0], atol=1e-6)
    assert list(first.features) == [NAME]
    np.testing.assert_array_equal(first.features[NAME], ToyMatcher().encode_images(prepared)[0])
    assert second.features == {}  # the matcher is of the first model
    assert (first.matcher, second.matcher) == (None, None)
    np.testing.assert_array_equal(first.encode_texts(["red"]), ToyEncoder().encode_texts(["red"]))


class TestCache:
    """What is known is neither encoded nor decoded again."""

    @pytest.mark.parametrize("how", ["json", "png"])
    def test_an_explanation_that_is_known_encodes_nothing(
        self, start: Callable[..., TestClient], data: Path, how: str
    ) -> None:
        encoder = CountingEncoder()
        client = start(data_dir=data, load_encoder=lambda _name: encoder)
        asked = {"image_id": ids(client)["red"], "modifier": ["+red"], "format": how}

        def ask() -> httpx.Response:
            answer = client.post("/explain", data=asked, files={"file": ("query.png", png("magenta"))})
            assert answer.status_code == 200
            return answer

        texts, images = encoder.encoded
        first = ask()
        assert encoder.encoded == (texts + 1, images + 1)  # the modifier: of a single word nothing is left to encode
        again = ask()
        assert encoder.encoded == (texts + 1, images + 1)
        assert first.headers["etag"] == again.headers["etag"]
        if how == "png":
            assert first.content == again.content

    def test_an_explanation_that_is_known_reads_no_file(
        self, start: Callable[..., TestClient], data: Path, folder: Path
    ) -> None:
        client = start(data_dir=data)
        picture = ids(client)
        first = explain(client, picture["red"], query="red").json()
        (folder / "red.png").unlink()
        again = explain(client, picture["red"], query="red").json()
        assert {**again, "took_ms": 0} == {**first, "took_ms": 0}
        assert_problem(explain(client, picture["red"], query="blue"), 404)

    def test_an_explanation_that_is_known_waits_for_nobody(self, http: Callable[..., httpx.Client], data: Path) -> None:
        started, go_on = threading.Event(), threading.Event()

        class Slow(ToyExplainer):
            def explain(self, match: Match) -> Evidence:
                if match.query.labels == ("blue",):
                    started.set()
                    assert go_on.wait(20)
                return super().explain(match)

        client = http(data_dir=data, explainers=lambda _model: {"grad-cam": Slow}, max_explanations=1)
        image_id = ids(client)["red"]
        first = explain(client, image_id, query="red")
        with ThreadPoolExecutor(1) as callers:
            slow = callers.submit(explain, client, image_id, query="blue")
            assert started.wait(20)
            try:
                assert_problem(explain(client, image_id, query="green"), 503)
                assert explain(client, image_id, query="red").json()["heat_map"] == first.json()["heat_map"]
                assert_problem(explain(client, image_id, query="red", format="png"), 503)  # it has to be painted
            finally:
                go_on.set()
            assert slow.result().status_code == 200

    def test_two_that_ask_the_same_at_once_are_explained_once(
        self, http: Callable[..., httpx.Client], data: Path
    ) -> None:
        started, go_on, explained = threading.Event(), threading.Event(), []

        class Slow(ToyExplainer):
            def explain(self, match: Match) -> Evidence:
                explained.append(match.query.labels)
                started.set()
                assert go_on.wait(20)
                return super().explain(match)

        client = http(data_dir=data, explainers=lambda _model: {"grad-cam": Slow})
        image_id = ids(client)["red"]
        with ThreadPoolExecutor(2) as callers:
            first = callers.submit(explain, client, image_id, query="red")
            assert started.wait(20)
            second = callers.submit(explain, client, image_id, query="red")
            while "semblance_requests_running 3.0" not in client.get("/metrics").text:
                pass
            go_on.set()
            assert first.result().json()["heat_map"] == second.result().json()["heat_map"]
        assert explained == [("red",)]

    @pytest.mark.parametrize(("entries", "known"), [(0, [False, False]), (1, [True, False]), (2, [True, True])])
    def test_the_ones_used_last_are_kept_up_to_the_limit(
        self, start: Callable[..., TestClient], data: Path, entries: int, known: list[bool]
    ) -> None:
        encoder = CountingEncoder()
        client = start(data_dir=data, load_encoder=lambda _name: encoder, explanation_cache_entries=entries)
        image_id = ids(client)["red"]

        def is_known(query: str) -> bool:
            before = encoder.encoded
            assert explain(client, image_id, query=query).status_code == 200
            return encoder.encoded == before

        assert not any(is_known(query) for query in ("red", "blue"))
        is_known("red")  # used after blue
        assert not is_known("green")
        assert [is_known("green"), is_known("red")] == known

    def test_another_generation_is_explained_anew(
        self, start: Callable[..., TestClient], data: Path, folder: Path
    ) -> None:
        encoder = CountingEncoder()
        client = start(data_dir=data, load_encoder=lambda _name: encoder)
        image_id = ids(client)["red"]
        first = explain(client, image_id, query="red")
        Image.new("RGB", SIZE, COLOURS["white"]).save(folder / "white.png")
        index_with(IndexRequest(data, "pictures", (folder,)), [ToyEncoder()])
        assert client.post("/collections/pictures/reload").status_code == 200
        before = encoder.encoded
        second = explain(client, image_id, query="red")
        assert encoder.encoded != before
        assert second.json()["collection"]["generation"] == 2
        assert first.headers["etag"] != second.headers["etag"]


class TestKey:
    """Whatever an explanation depends on tells it from the others."""

    def test_every_part_of_a_request_counts(self, start: Callable[..., TestClient], data: Path, folder: Path) -> None:
        index_with(IndexRequest(data, "others", (folder,)), [ToyEncoder()])
        client = start(data_dir=data, explainers=both_methods, default_collection="pictures")
        picture = ids(client)
        red = {"image_id": picture["red"], "query": "red"}
        image = {"image_id": picture["red"], "query_image_id": picture["green"]}
        asked = [
            red,
            {**red, "image_id": picture["blue"]},
            {**red, "query": "blue"},
            {**red, "query": "red blue"},
            {**red, "modifier": "+blue"},
            {**red, "modifier": "-blue"},
            {**red, "modifier": ["+blue", "+blue"]},
            {**red, "method": "toy-pair"},
            {**red, "model": "second"},
            {**red, "collection": "others"},
            {**red, "format": "png"},
            image,
            {**image, "query_image_id": picture["blue"]},
            {**image, "modifier": "+blue"},
        ]
        tags = [client.get("/explain", params=parameters).headers["etag"] for parameters in asked]
        uploads = [
            client.post("/explain", data={"image_id": picture["red"]}, files={"file": ("x.png", content)})
            for content in (png("red"), png("green"))
        ]
        tags += [answer.headers["etag"] for answer in uploads]
        assert len(set(tags)) == len(tags)
        assert uploads[0].json()["score"] != uploads[1].json()["score"]

    def test_what_is_written_in_another_way_is_the_same(self, start: Callable[..., TestClient], data: Path) -> None:
        client = start(data_dir=data)
        image_id = ids(client)["red"]
        asked = [
            {"query": "red", "modifier": ["+blue", "-green"]},
            {"query": "  red ", "modifier": "blue -green"},
            {"query": "red", "modifier": ["+blue", "-green"], "collection": "pictures", "model": "toy"},
            {"query": "red", "modifier": ["+blue", "-green"], "method": "grad-cam"},
        ]
        assert len({explain(client, image_id, **parameters).headers["etag"] for parameters in asked}) == 1

    def test_what_is_served_counts(self, start: Callable[..., TestClient], data: Path) -> None:
        class Other(ToyEncoder):
            def __init__(self, **changes: Any) -> None:
                super().__init__()
                self.card = replace(self.card, **changes)

        client = start(data_dir=data)
        parts: State = client.app.state.parts  # type: ignore[attr-defined]
        with parts.generations.pin(None) as serving:
            cards = [{"weights_sha256": "1" * 64}, {"preprocessing": replace(ToyEncoder().card.preprocessing, size=16)}]
            finishing = ThreadPoolExecutor(1)
            encoders = [BatchingEncoder(Other(**changes), max_batch=1, finishing=finishing) for changes in cards]
            models = [{**serving.models, "toy": replace(serving.models["toy"], encoder=each)} for each in encoders]
            servings = [
                serving,
                replace(serving, collection="other"),
                *(replace(serving, models=each) for each in models),
            ]
            keys = [
                parts.explanations.request(one, Query(Sentence("red")), "0" * 32, "grad-cam").key for one in servings
            ]
            for encoder in encoders:
                encoder.close()
        assert len(set(keys)) == 4

    def test_the_content_and_the_number_of_a_generation_count(
        self, start: Callable[..., TestClient], folder: Path, tmp_path: Path
    ) -> None:
        def publish(where: str) -> str:
            index_with(IndexRequest(tmp_path / where, "pictures", (folder,)), [ToyEncoder()])
            client = start(data_dir=tmp_path / where)
            return str(explain(client, ids(client)["red"], query="red").headers["etag"])

        first = publish("one")
        (folder / "green.png").unlink()
        assert publish("another") != first  # the first generation, too, of other pictures
        publish("one")
        Image.new("RGB", SIZE, COLOURS["green"]).save(folder / "green.png")
        assert publish("one") != first  # the third generation, of the first one's pictures

    def test_the_size_of_the_picture_counts(self, start: Callable[..., TestClient], data: Path) -> None:
        clients = [start(data_dir=data, overlay_side_px=side) for side in (640, 320)]
        tags = {explain(client, ids(client)["red"], query="red").headers["etag"] for client in clients}
        assert len(tags) == 2
