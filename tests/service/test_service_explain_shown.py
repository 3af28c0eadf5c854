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
from toy_encoder import ToyEncoder
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
