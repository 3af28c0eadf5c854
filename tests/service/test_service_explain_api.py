"""Why an image matched: score, heat map, words, picture; and that explaining never stands in a search's way."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from colour_collection import assert_problem, names, png
from PIL import Image
from pydantic import TypeAdapter
from starlette.testclient import TestClient
from toy_explainer import ToyExplainer

from models.evidence import Evidence
from models.imaging.overlay import FOR
from models.protocols import Match
from service.api.schemas import ExplanationAnswer


@pytest.fixture
def red(client: TestClient) -> dict[str, Any]:
    """The best result for ``red``, steered away from blue."""
    answer = client.post("/search/text", json={"query": "red light", "modifiers": ["-blue"], "k": 1})
    result: dict[str, Any] = answer.json()["results"][0]
    return result


def explain(client: TestClient, image_id: str, **parameters: Any) -> Any:
    return client.get("/explain", params={"image_id": image_id, **parameters})


def test_score_and_contributions_are_the_search_s_own(client: TestClient, red: dict[str, Any]) -> None:
    answer = explain(client, red["id"], query="red light", modifier="-blue")
    assert answer.status_code == 200
    body, declared = answer.json(), TypeAdapter(ExplanationAnswer)
    assert body == declared.dump_python(declared.validate_json(answer.text), mode="json")
    assert (body["score"], body["contributions"]) == (red["score"], red["contributions"])
    assert body["query"]["modifiers"] == [{"text": "blue", "weight": -0.8, "source": None}]


def test_a_corrected_sentence_is_explained_as_it_was_searched(client: TestClient) -> None:
    found = client.post("/search/text", json={"query": "a yelow light", "k": 1}).json()["results"][0]
    answer = explain(client, found["id"], query="a yelow light").json()
    assert (answer["score"], answer["contributions"]) == (found["score"], found["contributions"])
    assert answer["query"]["corrected"]["read"] == "a yellow light"
    assert "query=a+yellow+light&negation=off&correct=off" in answer["overlay_url"]


def test_a_sentence_with_a_negation_is_explained_as_it_was_searched(client: TestClient) -> None:
    found = client.post("/search/text", json={"query": "yellow without red", "k": 1}).json()["results"][0]
    answer = explain(client, found["id"], query="yellow without red").json()
    assert (answer["score"], answer["contributions"]) == (found["score"], found["contributions"])
    assert answer["query"]["modifiers"] == [{"text": "red", "weight": -0.8, "source": "without red"}]
    picture = client.get(answer["overlay_url"])
    assert picture.headers["content-type"] == "image/png"
    assert "negation=off" in answer["overlay_url"]


def test_each_word_is_worth_the_score_less_the_score_without_it(client: TestClient, red: dict[str, Any]) -> None:
    answer = explain(client, red["id"], query="red light", modifier="-blue").json()
    assert [term["term"] for term in answer["words"]] == ["red light", "-blue"]
    first, second = answer["words"][0]["words"]
    assert (first["word"], first["start"], first["end"]) == ("red", 0, 3)
    assert first["value"] > second["value"] == pytest.approx(0)  # the toy encoder knows colours only
    without = explain(client, red["id"], query="red light").json()["score"]
    assert answer["words"][1]["words"][0]["value"] == pytest.approx(answer["score"] - without, abs=2e-6)


def test_a_query_of_a_single_word_is_worth_its_whole_score(client: TestClient, red: dict[str, Any]) -> None:
    answer = explain(client, red["id"], query="red").json()
    assert answer["words"][0]["words"][0]["value"] == pytest.approx(answer["score"], abs=2e-6)


def test_without_a_method_the_first_of_the_model_s_answers_and_collections_list_them(
    client: TestClient, red: dict[str, Any]
) -> None:
    (model,) = client.get("/collections/colours").json()["models"]
    answer = explain(client, red["id"], query="red").json()
    assert [answer["method"]] == answer["methods"] == model["explain_methods"] == ["grad-cam"]
    assert explain(client, red["id"], query="red", method="").json()["method"] == "grad-cam"
    assert "method=grad-cam" in answer["overlay_url"]


def test_the_map_has_its_values_in_units_of_the_score_beside_their_scale(
    client: TestClient, red: dict[str, Any]
) -> None:
    answer = explain(client, red["id"], query="red").json()
    (whole,) = answer["maps"]
    assert (whole["term"], whole["image"], whole["region"]) == (None, "result", [0, 0, 1, 1])
    np.testing.assert_allclose(np.array(whole["values"]) / answer["scale"], answer["heat_map"]["values"], atol=1e-4)
    assert (answer["unrelated"], answer["baseline"], answer["sum_error"], answer["faithfulness"]) == (
        False, None, None, None,
    )  # fmt: skip
    assert answer["words"][0]["words"][0]["map"] is None


def test_the_heat_map_has_a_value_for_each_place_and_covers_its_region(client: TestClient, red: dict[str, Any]) -> None:
    heat = explain(client, red["id"], query="red").json()["heat_map"]
    assert (heat["rows"], heat["columns"]) == (8, 8)
    np.testing.assert_array_equal(heat["values"], np.ones((8, 8)))  # a plain picture: each place is the hottest
    assert heat["region"] == [0, 0, 1, 1]


def test_nothing_in_a_picture_that_speaks_against_the_query_is_hot(client: TestClient) -> None:
    (blue,) = client.post("/search/text", json={"query": "blue", "k": 1}).json()["results"]
    heat = explain(client, blue["id"], query="green", modifier=["-blue", "-blue"]).json()["heat_map"]
    np.testing.assert_array_equal(heat["values"], np.zeros((8, 8)))


def test_the_picture_is_the_photograph_with_the_heat_painted_over(client: TestClient, red: dict[str, Any]) -> None:
    address = explain(client, red["id"], query="red light", modifier="-blue").json()["overlay_url"]
    answer = client.get(address)
    assert answer.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.size == (60, 40)
    paint = 0.7 * np.array(FOR)  # where the strength is 1, as everywhere in a plain picture
    np.testing.assert_allclose(np.asarray(picture), np.full((40, 60, 3), 0.3 * np.array([255, 0, 0]) + paint), atol=1)


def test_another_image_of_the_collection_can_be_the_query(client: TestClient, red: dict[str, Any]) -> None:
    body = explain(client, red["id"], query_image_id=red["id"], modifier="+red").json()
    assert [share["term"] for share in body["contributions"]] == ["image", "+red"]
    assert [term["term"] for term in body["words"]] == ["+red"]
    assert body["query"]["image_id"] == red["id"]


def test_an_uploaded_image_can_be_the_query(client: TestClient, red: dict[str, Any]) -> None:
    form = {"image_id": red["id"], "collection": "colours", "modifier": ["+red", "-blue"]}
    answer = client.post("/explain", data=form, files={"file": ("query.png", png("magenta"))})
    assert answer.status_code == 200
    assert [share["term"] for share in answer.json()["contributions"]] == ["image", "+red", "-blue"]
    assert answer.json()["overlay_url"] is None
    picture = client.post("/explain?format=png", data=form, files={"file": ("query.png", png("magenta"))})
    assert picture.content.startswith(b"\x89PNG")


def test_a_caller_that_knows_the_explanation_is_told_so(client: TestClient, red: dict[str, Any]) -> None:
    first = explain(client, red["id"], query="red")
    assert "max-age" in first.headers["cache-control"]
    known = {"If-None-Match": first.headers["etag"]}
    again = client.get("/explain", params={"image_id": red["id"], "query": "red"}, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/explain", params={"image_id": red["id"], "query": "blue"}, headers=known)
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({}, "exactly one"),
        ({"query": "red", "query_image_id": "0" * 32}, "exactly one"),
        ({"query": ""}, "empty"),
        ({"query": "red", "method": "guess"}, "grad-cam"),
        ({"query": "red", "format": "gif"}, "query.format"),
        ({"query": "red", "modifier": "-"}, "sign"),
        ({"query": "+red -red"}, "cancel"),
        ({"query": "red", "colour": "red"}, "query.colour"),
    ],
)
def test_a_wrong_parameter_is_refused(
    client: TestClient, red: dict[str, Any], parameters: dict[str, Any], told: str
) -> None:
    assert_problem(explain(client, red["id"], **parameters), 422, told)


def test_what_is_missing_is_named(client: TestClient, red: dict[str, Any]) -> None:
    assert_problem(client.get("/explain?query=red"), 422, "query.image_id")
    assert_problem(explain(client, "0" * 32, query="red"), 404)
    assert_problem(explain(client, red["id"], query_image_id="0" * 32), 404)
    assert_problem(explain(client, red["id"], query="red", collection="sounds"), 404)
    assert_problem(client.post("/explain", json={"image_id": red["id"]}), 422, "body.image_id")
    assert_problem(client.post(f"/explain?image_id={red['id']}", json={}), 422, "exactly one")
    assert_problem(client.post("/explain", content=b"red", headers={"Content-Type": "text/plain"}), 415)
    assert_problem(client.post("/explain", data={"image_id": red["id"]}, files={"other": ("x", b"")}), 422)
    both = {"image_id": red["id"], "query": "red"}
    assert_problem(client.post("/explain", data=both, files={"file": ("x", png())}), 422, "exactly one")
    assert_problem(client.post("/explain", data={"image_id": red["id"]}, files={"file": ("x", b"no")}), 400)


def test_a_photograph_that_changed_since_it_was_indexed_is_not_explained(
    start: Callable[..., TestClient], published: tuple[Path, Path], tmp_path: Path
) -> None:
    from colour_collection import index, save_colours

    save_colours(tmp_path / "changing", ["red"])
    index(tmp_path / "other", "changing", tmp_path / "changing")
    client = start(data_dir=tmp_path / "other")
    image_id = client.post("/search/text", json={"query": "red"}).json()["results"][0]["id"]
    (tmp_path / "changing" / "red.png").write_bytes(png("blue"))
    assert_problem(explain(client, image_id, query="red"), 404, "index again")
    assert_problem(client.get(f"/images/{image_id}/thumbnail"), 404, "index again")


class SlowExplainer(ToyExplainer):
    """Explains once it is let go."""

    def __init__(self) -> None:
        self.started, self.go_on = threading.Event(), threading.Event()

    def explain(self, match: Match) -> Evidence:
        self.started.set()
        assert self.go_on.wait(20)
        return super().explain(match)


def test_explaining_never_blocks_a_search_and_its_own_waiting_is_bounded(http: Callable[..., httpx.Client]) -> None:
    explainer = SlowExplainer()
    client = http(explainers=lambda _model: {"grad-cam": lambda: explainer}, max_explanations=2)
    image_id = client.post("/search/text", json={"query": "red"}).json()["results"][0]["id"]
    address = f"/explain?image_id={image_id}&query="
    with ThreadPoolExecutor(2) as callers:
        running = callers.submit(client.get, address + "red")
        assert explainer.started.wait(20)
        waiting = callers.submit(client.get, address + "blue")
        while client.get("/metrics").text.count("semblance_requests_running 3.0") == 0:
            pass
        assert names(client.post("/search/text", json={"query": "green", "k": 1})) == ["green"]
        assert_problem(client.get(address + "green"), 503)
        explainer.go_on.set()
        assert (running.result().status_code, waiting.result().status_code) == (200, 200)
    assert client.get(address + "green").status_code == 200
    assert 'semblance_refused_total{queue="explanations"} 1.0' in client.get("/metrics").text
