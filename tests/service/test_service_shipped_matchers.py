"""Shipped matchers re-rank over real HTTP, by features that one pass of the frozen backbone wrote at index time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from colour_collection import COLOURS, assert_problem, save_colours
from PIL import Image
from toy_encoder import ToyEncoder
from toy_indexing import index_with

from indexer.ingest.request import IndexRequest
from models.inference.execution import Execution
from models.library import InstalledModels
from models.protocols import FeatureNetwork
from models.shipped import matcher_cards

NAMES = ["lstm-similarity", "mcnn-sentence"]
QUERY = "a red ball on the grass"

pytestmark = pytest.mark.skipif(
    not set(NAMES) <= {card.name for card in matcher_cards()}, reason="these matchers do not ship"
)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data folder with the features of both matchers, and the folder of its pictures."""
    root = tmp_path_factory.mktemp("shipped")
    save_colours(root / "pictures", list(COLOURS))
    (network,) = InstalledModels().feature_sources(NAMES)
    assert isinstance(network, FeatureNetwork)
    request = IndexRequest(root / "data", "colours", (root / "pictures",))
    index_with(request, [ToyEncoder("semblance-base")], [network])
    return root / "data", root / "pictures"


@pytest.fixture
def client(http: Callable[..., httpx.Client], indexed: tuple[Path, Path]) -> httpx.Client:
    return http(data_dir=indexed[0], load_matcher=lambda name: InstalledModels(Execution("torch")).matcher(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_score_is_the_encoder_s_and_the_matcher_s_weighted(
    client: httpx.Client, indexed: tuple[Path, Path], name: str
) -> None:
    body = {"query": QUERY, "k": len(COLOURS)}
    plain = {hit["id"]: hit["score"] for hit in client.post("/search/text", json=body).json()["results"]}
    results = client.post("/search/text", json={**body, "rerank": name}).json()["results"]
    matcher = InstalledModels(Execution()).matcher(name)
    assert len(results) == len(COLOURS)
    for hit in results:
        path = indexed[1] / hit["metadata"]["name"]
        pixels = np.asarray(Image.open(path).convert("RGB"))
        value = matcher.card.weight * float(
            matcher.score(QUERY, matcher.encode_images(matcher.prepare(pixels)[None]))[0]
        )
        assert hit["contributions"][-1]["term"] == f"rerank: {name}"
        assert hit["contributions"][-1]["value"] == pytest.approx(value, abs=0.05 * matcher.card.weight + 1e-6)
        assert hit["score"] == pytest.approx(plain[hit["id"]] + hit["contributions"][-1]["value"], abs=2e-6)
    assert [hit["score"] for hit in results] == sorted((hit["score"] for hit in results), reverse=True)


def test_what_is_not_there_is_refused_with_what_is(client: httpx.Client) -> None:
    for name in ("mcnn-word", "nonsense"):
        answer = client.post("/search/text", json={"query": QUERY, "rerank": name})
        assert_problem(answer, 422, f"'{name}'", *NAMES)
    listed = client.get("/collections/colours").json()["matchers"]
    assert sorted(matcher["name"] for matcher in listed) == NAMES
