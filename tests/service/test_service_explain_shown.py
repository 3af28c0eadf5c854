"""What is explained is what was shown: the score of the very search, re-ranked or not, whatever it was for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colour_collection import COLOURS, assert_problem
from PIL import Image
from starlette.testclient import TestClient
from toy_encoder import CALIBRATION, ToyEncoder
from toy_indexing import index_with
from toy_matcher import NAME, ToyMatcher

from indexer.ingest.request import IndexRequest

LABEL = f"rerank: {NAME}"
HALVES = [("red", "blue"), ("red", "green"), ("blue", "green"), ("red", "red"), ("blue", "blue"), ("green", "green")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of pictures of two colours side by side, with the features of a matcher, and captions."""
    root = tmp_path_factory.mktemp("shown")
    (root / "pictures").mkdir()
    for left, right in HALVES:
        pixels = np.empty((32, 48, 3), np.uint8)
        pixels[:, :24], pixels[:, 24:] = COLOURS[left], COLOURS[right]
        Image.fromarray(pixels).save(root / "pictures" / f"{left}-{right}.png")
        (root / "pictures" / f"{left}-{right}.txt").write_text(f"{left} beside {right}")
    index_with(IndexRequest(root / "data", "halves", (root / "pictures",)), [ToyEncoder()], [ToyMatcher()])
    return root / "data"


def search(client: Any, **asked: Any) -> list[dict[str, Any]]:
    answer = client.post("/search/text", json={"k": 20, **asked})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def explain(client: Any, image_id: str, **parameters: Any) -> dict[str, Any]:
    answer = client.get("/explain", params={"image_id": image_id, **parameters})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def map_of(answer: Mapping[str, Any], term: str | None) -> np.ndarray:
    (values,) = (one["values"] for one in answer["maps"] if one["term"] == term)
    return np.array(values)


class TestReranked:
    """The score of a result that a matcher re-ranked."""

    @pytest.mark.parametrize("depth", [50, 3])
    @pytest.mark.parametrize("asked", [{"rerank": NAME}, {}], ids=["asked for", "by default"])
    def test_every_result_is_explained_with_the_score_that_was_shown(
        self, start: Callable[..., TestClient], data: Path, asked: dict[str, str], depth: int
    ) -> None:
        client = start(data_dir=data, rerank="none" if asked else NAME, rerank_depth=depth)
        found = search(client, query="red blue", modifiers=["-green"], **asked)
        assert sum(result["contributions"][-1]["term"] == LABEL for result in found) == min(depth, len(found))
        for result in found:
            answer = explain(client, result["id"], query="red blue", modifier="-green", **asked)
            assert (answer["score"], answer["contributions"]) == (result["score"], result["contributions"])
            assert answer["found"] == {name: result[name] for name in answer["found"]}

    def test_the_matcher_has_its_own_map_and_words_beside_those_of_the_vectors(
        self, start: Callable[..., TestClient], data: Path
    ) -> None:
        client = start(data_dir=data)
        best = search(client, query="red blue", rerank=NAME)[0]
        assert best["path"] == "red-blue.png"
        answer = explain(client, best["id"], query="red blue", rerank=NAME)
        share = {one["term"]: one["value"] for one in answer["contributions"]}[LABEL]
        left, right = map_of(answer, LABEL).sum(axis=0)
        assert left == pytest.approx(right, abs=1e-3)  # each word meets its own half
        assert left + right == pytest.approx(share, abs=1e-5)
        plain = explain(client, best["id"], query="red blue", rerank="none")
        assert map_of(answer, None).sum() - map_of(plain, None).sum() == pytest.approx(share, abs=1e-3)
        np.testing.assert_allclose(map_of(answer, "red blue"), map_of(plain, None))
        assert [term["term"] for term in answer["words"]] == ["red blue", LABEL]
        assert answer["words"][0] == plain["words"][0]
        for word in answer["words"][1]["words"]:
            assert np.sum(word["map"]) == pytest.approx(word["value"], abs=1e-5)
        assert answer["unplaced"] == 0

    def test_each_way_to_re_rank_is_an_explanation_of_its_own_with_a_picture_of_its_own(
        self, start: Callable[..., TestClient], data: Path
    ) -> None:
        client = start(data_dir=data)
        image_id = search(client, query="red blue")[0]["id"]
        answers = [explain(client, image_id, query="red blue", rerank=name) for name in (NAME, "none")]
        pictures = [client.get(answer["overlay_url"]) for answer in answers]
        assert pictures[0].content != pictures[1].content
        assert pictures[0].headers["etag"] != pictures[1].headers["etag"]

    def test_a_matcher_that_does_not_fit_is_refused_as_by_a_search(
        self, start: Callable[..., TestClient], data: Path
    ) -> None:
        client = start(data_dir=data, rerank=NAME)
        image_id = search(client, query="red")[0]["id"]
        asked = {"image_id": image_id, "query": "red", "rerank": "guess"}
        assert_problem(client.get("/explain", params=asked), 422, "'guess'", NAME)
        by_image = {"image_id": image_id, "query_image_id": image_id}
        assert_problem(client.get("/explain", params={**by_image, "rerank": NAME}), 422, "sentence")
        assert client.get("/explain", params=by_image).status_code == 200  # the default holds where it fits


class TestTerms:
    """A query of several terms has a map of each."""

    def test_an_embedding_is_explained_as_it_was_searched(self, start: Callable[..., TestClient], data: Path) -> None:
        client = start(data_dir=data)
        embedding = client.post("/embed", json={"texts": ["red"]}).json()["vectors"][0]
        asked = {"modifier": ["-blue"]}
        found = client.post("/search/image", params=asked, json={"embedding": embedding}).json()["results"]
        for result in found:
            answer = client.post("/explain", params={"image_id": result["id"], **asked}, json={"embedding": embedding})
            assert answer.status_code == 200, answer.text
            body = answer.json()
            assert (body["score"], body["contributions"]) == (result["score"], result["contributions"])
            assert (body["confidence"], body["strength"]) == (result["confidence"], result["strength"])
            assert [one["term"] for one in body["contributions"]] == ["embedding", "-blue"]
            assert [term["term"] for term in body["words"]] == ["-blue"]
            assert body["overlay_url"] is None

    def test_an_embedding_that_does_not_fit_is_refused(self, start: Callable[..., TestClient], data: Path) -> None:
        client = start(data_dir=data)
        image_id = search(client, query="red")[0]["id"]
        answer = client.post("/explain", params={"image_id": image_id}, json={"embedding": [1, 2]})
        assert_problem(answer, 422, "2 numbers")

    def test_an_image_of_the_collection_may_be_named_in_either_way(
        self, start: Callable[..., TestClient], data: Path
    ) -> None:
        client = start(data_dir=data)
        found, asked = (result["id"] for result in search(client, query="red")[:2])
        by_address = client.get("/explain", params={"image_id": found, "query_image_id": asked})
        by_body = client.post("/explain", params={"image_id": found}, json={"id": asked})
        assert by_address.headers["etag"] == by_body.headers["etag"]
        assert by_address.json()["overlay_url"] == by_body.json()["overlay_url"]


class TestCaptions:
    """A caption that was found."""

    def test_by_words_it_is_explained_by_those_of_the_query_and_its_own(
        self, start: Callable[..., TestClient], data: Path
    ) -> None:
        client = start(data_dir=data)
        for result in search(client, query="red light", modifiers=["-blue"], target="text"):
            answer = explain(client, result["id"], query="red light", modifier="-blue", target="text")
            assert (answer["score"], answer["contributions"]) == (result["score"], result["contributions"])
            assert (answer["strength"], answer["target"]) == (result["strength"], "text")
            assert answer["found"] == {name: result[name] for name in answer["found"]}
            assert (answer["maps"], answer["heat_map"], answer["overlay_url"]) == ([], None, None)
            assert not answer["unrelated"]
            assert [(term["term"], term["of"]) for term in answer["words"]] == [
                ("red light", "query"), ("-blue", "query"), (result["caption"], "result"),
            ]  # fmt: skip
            left, beside, _ = answer["words"][2]["words"]
            assert result["caption"][left["start"] : left["end"]] == left["word"]
            assert beside["value"] == pytest.approx(0, abs=1e-6)  # the toy encoder knows colours only

    def test_a_word_of_a_caption_is_worth_the_score_less_the_score_without_it(
        self, start: Callable[..., TestClient], data: Path
    ) -> None:
        client = start(data_dir=data)
        found = {one["caption"]: one for one in search(client, query="red", target="text")}["red beside blue"]
        red, _, blue = explain(client, found["id"], query="red", target="text")["words"][1]["words"]
        encoder = ToyEncoder()
        asked, whole, without_red, without_blue = encoder.encode_texts(["red", "red beside blue", "blue", "red"])
        assert red["value"] == pytest.approx(float(whole @ asked - without_red @ asked), abs=1e-5)
        assert blue["value"] == pytest.approx(float(whole @ asked - without_blue @ asked), abs=1e-5)

    @pytest.mark.parametrize("how", ["uploaded", "of the collection"])
    def test_by_an_image_it_is_found_on_that_image(
        self, start: Callable[..., TestClient], data: Path, how: str
    ) -> None:
        client = start(data_dir=data)
        picture = {one["path"]: one["image_id"] for one in search(client, query="red")}["red-blue.png"]
        content = (data.parent / "pictures" / "red-blue.png").read_bytes()
        asked = {"target": "text", "modifier": ["-green"]}

        def ask(path: str, **parameters: Any) -> dict[str, Any]:
            if how == "uploaded":
                answer = client.post(path, params={**asked, **parameters}, files={"file": ("query.png", content)})
            else:
                answer = client.post(path, params={**asked, **parameters}, json={"id": picture})
            assert answer.status_code == 200, answer.text
            body: dict[str, Any] = answer.json()
            return body

        found = {one["caption"]: one for one in ask("/search/image", k=20)["results"]}
        for result in found.values():
            body = ask("/explain", image_id=result["id"])
            assert (body["score"], body["contributions"]) == (result["score"], result["contributions"])
        red = ask("/explain", image_id=found["red beside red"]["id"])
        (whole,) = red["maps"]
        assert (whole["image"], whole["term"]) == ("query", None)
        left, right = np.array(whole["values"])[:, :4].mean(), np.array(whole["values"])[:, 4:].mean()
        assert left > right  # where the query's image is red
        assert [(term["term"], term["of"]) for term in red["words"]] == [
            ("-green", "query"),
            ("red beside red", "result"),
        ]
        assert (red["overlay_url"] is None) == (how == "uploaded")
        if red["overlay_url"]:
            assert client.get(red["overlay_url"]).content.startswith(b"\x89PNG")

    def test_what_there_is_not_is_refused(self, start: Callable[..., TestClient], data: Path) -> None:
        client = start(data_dir=data)
        found = search(client, query="red", target="text")[0]
        asked = {"query": "red", "target": "text"}
        assert_problem(client.get("/explain", params={**asked, "image_id": "0" * 32}), 404, "caption")
        assert_problem(client.get("/explain", params={**asked, "image_id": found["image_id"]}), 404, "caption")
        assert_problem(
            client.get("/explain", params={**asked, "image_id": found["id"], "format": "png"}), 422, "picture"
        )
        assert_problem(
            client.get("/explain", params={**asked, "image_id": found["id"], "rerank": NAME}), 422, "captions"
        )


def test_how_well_a_result_matches_is_told_as_by_the_search(start: Callable[..., TestClient], data: Path) -> None:
    calibrations = {"text-to-image": CALIBRATION, f"text-to-image-{NAME}": CALIBRATION}
    client = start(data_dir=data, load_encoder=lambda name: ToyEncoder(name, calibrations=calibrations))
    for asked in ({}, {"rerank": NAME}):
        for result in search(client, query="red", **asked):
            answer = explain(client, result["id"], query="red", **asked)
            assert answer["confidence"] == result["confidence"] is not None
            assert answer["strength"] == result["strength"]
