"""Two models that ship answer from one collection, over real HTTP: the command indexes, requests choose."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from colour_collection import assert_problem, names, served
from demo_set import PHOTOGRAPHS
from typer.testing import CliRunner

from service.app import create_app
from service.cli import app
from service.settings import Settings

MODELS = ("semblance-base", "linear-mapping")
PICTURES = ("bison-on-grass", "horses-in-field", "orange-kitten", "tower-bridge-night")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server over four photographs with the vectors of both models."""
    data_dir = tmp_path_factory.mktemp("several")
    files = [str(PHOTOGRAPHS / f"{name}.jpg") for name in PICTURES]
    chosen = [word for model in MODELS for word in ("--model", model)]
    command = ["index", *files, "--collection", "demo", *chosen, "--matcher", "none", "--data-dir", str(data_dir)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    with served(create_app(Settings(data_dir=data_dir))) as address, httpx.Client(base_url=address, timeout=60) as http:
        yield http


def test_each_model_finds_by_its_own_vectors_and_the_collection_names_both(client: httpx.Client) -> None:
    collection = client.get("/collections/demo").json()
    assert [model["name"] for model in collection["models"]] == list(MODELS)
    assert [model["dimension"] for model in collection["models"]] == [768, 512]
    scores = []
    for model in MODELS:
        asked = {"query": "a small orange cat lies on a blanket", "model": model}
        answer = client.post("/search/text", json=asked)
        assert names(answer)[0] == "orange-kitten"
        assert answer.json()["collection"]["model"] == model
        scores.append([result["score"] for result in answer.json()["results"]])
        uncalibrated = {result["confidence"] is None for result in answer.json()["results"]}
        assert uncalibrated == {model != MODELS[0]}
    assert scores[0] != scores[1]


def test_an_image_is_a_query_to_each_model(client: httpx.Client) -> None:
    picture = (PHOTOGRAPHS / "orange-kitten.jpg").read_bytes()
    for model in MODELS:
        answer = client.post(f"/search/image?model={model}&k=1", files={"file": picture})
        assert names(answer) == ["orange-kitten"]
        assert answer.json()["results"][0]["score"] > 0.95
        encoded = {"image_b64": base64.b64encode(picture).decode()}
        assert names(client.post(f"/search/image?model={model}&k=1", json=encoded)) == ["orange-kitten"]


@pytest.mark.parametrize("model", MODELS)
def test_a_result_is_explained_by_the_model_that_found_it(client: httpx.Client, model: str) -> None:
    query = {"query": "a horse on grass", "model": model}
    best = client.post("/search/text", json=query).json()["results"][0]
    explained = client.get("/explain", params={"image_id": best["id"], **query})
    assert explained.status_code == 200, explained.text
    told = explained.json()
    assert told["score"] == best["score"]
    assert sum(share["value"] for share in told["contributions"]) == pytest.approx(best["score"], abs=1e-5)
    assert client.get(told["overlay_url"]).headers["content-type"] == "image/png"


def test_a_model_that_the_collection_lacks_is_refused_with_those_it_has(client: httpx.Client) -> None:
    for model in ("semantic-v", "no-such-model"):
        asked = {"query": "a horse", "model": model}
        assert_problem(client.post("/search/text", json=asked), 422, model, ", ".join(MODELS))
        picture = {"content": (PHOTOGRAPHS / "owl.jpg").read_bytes(), "headers": {"Content-Type": "image/jpeg"}}
        assert_problem(client.post(f"/search/image?model={model}", **picture), 422, model, ", ".join(MODELS))
        assert_problem(client.get("/explain", params={"image_id": "0" * 32, **asked}), 422, model, ", ".join(MODELS))


def test_the_shipped_models_are_listed() -> None:
    listed = CliRunner().invoke(app, ["models"])
    assert listed.exit_code == 0
    for model in MODELS:
        assert model in listed.output


def test_an_unknown_model_is_not_indexed_and_those_there_are_are_named(tmp_path: Path) -> None:
    command = ["index", str(PHOTOGRAPHS / "owl.jpg"), "--collection", "x", "--model", "nothing", "--data-dir"]
    refused = CliRunner().invoke(app, [*command, str(tmp_path)])
    assert refused.exit_code != 0
    for model in MODELS:
        assert model in str(refused.exception) + refused.output
