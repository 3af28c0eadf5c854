"""Which matcher re-ranks; re-ranking over HTTP: its order, exact sums, whole pages; and the choice of a model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from colour_collection import COLOURS, assert_problem, names, png
from PIL import Image
from toy_encoder import CALIBRATION, ToyEncoder
from toy_indexing import index_with
from toy_library import ToyLibrary
from toy_matcher import NAME, WEIGHT, ToyMatcher
from typer.testing import CliRunner

import service.offline
from indexer.ingest.request import IndexRequest
from models.errors import QueryError, UnknownModelError
from models.types import Features, Pixels
from service.cli import app
from service.search.query import CollectionImage, Modifier, Query, Sentence
from service.search.rerank import NO_MATCHER, RerankChoice, Reranking, choose_reranking

LABEL = f"rerank: {NAME}"
LEFT = 5
"""Of 8 columns: what a picture of two colours has of the first."""


RED = Query(Sentence("red"))
MATCHERS = {NAME: ToyMatcher(), "other": ToyMatcher("other")}


class TestChoice:
    """Which matcher re-ranks, if any."""

    @pytest.mark.parametrize(
        ("asked", "default", "chosen"),
        [
            (None, NO_MATCHER, None),
            (None, NAME, NAME),
            ("", NAME, NAME),
            ("other", NAME, "other"),
            ("other", NO_MATCHER, "other"),
            (NO_MATCHER, NAME, None),
        ],
    )
    def test_what_is_asked_for_goes_before_the_default(
        self, asked: str | None, default: str, chosen: str | None
    ) -> None:
        reranking = choose_reranking(RerankChoice(asked, default, 7), MATCHERS, RED, "image")
        assert (reranking and reranking.matcher.card.name) == chosen
        if reranking is not None:
            assert (reranking.text, reranking.depth) == ("red", 7)

    def test_the_matcher_reads_the_sentence_and_not_the_modifiers(self) -> None:
        query = Query(Sentence("red"), (Modifier("blue", 0.5),))
        reranking = choose_reranking(RerankChoice(NAME), MATCHERS, query, "image")
        assert reranking is not None
        assert reranking.text == "red"

    @pytest.mark.parametrize(
        ("query", "target", "name", "told"),
        [
            (
                RED,
                "image",
                "third",
                rf"^This collection and model have no matcher 'third' .*; there are: {NAME}, other\.$",
            ),
            (RED, "image", "x" * 90, rf"matcher '{'x' * 64}' to re-rank with"),
            (RED, "text", NAME, r"^A matcher scores images, and this query is for captions: leave rerank out\.$"),
            (
                Query(CollectionImage("ab")),
                "image",
                NAME,
                r"^A matcher scores a sentence, and this query has none: leave rerank out\.$",
            ),
            (Query(None, (Modifier("blue", 0.5),)), "image", NAME, "this query has none"),
        ],
    )
    def test_one_that_does_not_fit_is_refused_if_asked_for_and_else_passed_over(
        self, query: Query, target: Any, name: str, told: str
    ) -> None:
        with pytest.raises(QueryError, match=told):
            choose_reranking(RerankChoice(name), MATCHERS, query, target)
        assert choose_reranking(RerankChoice(None, name), MATCHERS, query, target) is None

    def test_where_there_are_none_it_is_told_how_to_get_one(self) -> None:
        told = r"there are: none; semblance index --matcher NAME stores what one needs\.$"
        with pytest.raises(QueryError, match=told):
            choose_reranking(RerankChoice(NAME), {}, RED, "image")

    def test_without_any_choice_fifty_would_be_re_ranked_and_nothing_is(self) -> None:
        assert (RerankChoice().name, RerankChoice().depth) == ("none", 50)
        assert choose_reranking(RerankChoice(), MATCHERS, RED, "image") is None

    def test_what_is_added_is_the_weighted_score_to_six_decimals(self) -> None:
        features = np.array([[[1, 0, 0]] * 4, [[0.6, 0.8, 0]] * 4, [[0, 1 / 3, 0]] * 4], np.float16)
        reranking = Reranking(ToyMatcher(), "red green", 5)
        assert reranking.label == f"rerank: {NAME}"
        added = reranking.contributions(features)
        assert added.dtype == np.float64
        third = float(np.float16(1 / 3))
        expected = [WEIGHT * (1 + 0) / 2, WEIGHT * (0.6 + 0.8) / 2, WEIGHT * third / 2]
        assert added.tolist() == pytest.approx(expected, abs=2e-4)
        assert added.tolist() == [round(value, 6) for value in added.tolist()]
        assert added[2] != round(expected[2], 4)


class SecondEncoder(ToyEncoder):
    """A model for which red is blue and blue is red."""

    def encode_images(self, prepared: Pixels) -> Any:
        return super().encode_images(prepared[..., ::-1])


def load_encoder(name: str) -> ToyEncoder:
    return SecondEncoder(name) if name == "second" else ToyEncoder(name)


def pixels_of(name: str) -> Pixels:
    """Return an 8 x 8 picture of one colour, or of two side by side."""
    left, _, right = name.partition("-")
    picture = np.empty((8, 8, 3), np.uint8)
    picture[:, :LEFT], picture[:, LEFT:] = COLOURS[left], COLOURS[right or left]
    return picture


PICTURES = [*COLOURS, "red-blue", "cyan-red", "green-red", "yellow-blue", "white-red"]


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder: ``mixed`` has two models and features, ``bare`` has neither."""
    root = tmp_path_factory.mktemp("mixed")
    (root / "pictures").mkdir()
    for name in PICTURES:
        Image.fromarray(pixels_of(name)).save(root / "pictures" / f"{name}.png")
        (root / "pictures" / f"{name}.txt").write_text(f"{name}\n")
    request = IndexRequest(root / "data", "mixed", (root / "pictures",))
    index_with(request, [ToyEncoder(), SecondEncoder("second")], [ToyMatcher()])
    index_with(IndexRequest(root / "data", "bare", (root / "pictures",)), [ToyEncoder()])
    return root / "data"


@pytest.fixture
def client(http: Callable[..., httpx.Client], mixed: Path) -> httpx.Client:
    """A real server that re-ranks four results."""
    return http(data_dir=mixed, default_collection="mixed", load_encoder=load_encoder, rerank_depth=4)


def ask(client: httpx.Client, query: str = "red blue", **fields: Any) -> httpx.Response:
    return client.post("/search/text", json={"query": query, "k": len(PICTURES), "rerank": NAME, **fields})


def expected(query: str, depth: int) -> list[str]:
    """Return the re-ranked order, computed in one go from the pictures themselves."""
    prepared = np.stack([pixels_of(name) for name in sorted(PICTURES)])
    first = ToyEncoder().encode_images(prepared).astype(float) @ ToyEncoder().encode_texts([query])[0]
    second = WEIGHT * ToyMatcher().score(query, ToyMatcher().encode_images(prepared))
    order = sorted(range(len(first)), key=lambda row: (-round(first[row], 6), row))
    head = sorted(order[:depth], key=lambda row: (-round(first[row] + second[row], 5), row))
    return [sorted(PICTURES)[row] for row in [*head, *order[depth:]]]


@pytest.mark.parametrize("query", ["red blue", "green red", "white red", "yellow magenta"])
def test_the_best_are_in_the_matcher_s_order_and_the_others_as_before(client: httpx.Client, query: str) -> None:
    found = names(ask(client, query))
    assert found == expected(query, depth=4)
    plain = names(ask(client, query, rerank="none"))
    assert set(found[:4]) == set(plain[:4])
    assert found[4:] == plain[4:]


def test_the_matcher_changes_which_is_first(client: httpx.Client) -> None:
    assert names(ask(client, rerank=None))[0] == "magenta"
    assert names(ask(client))[0] == "red-blue"


def test_contributions_add_up_and_the_matcher_s_is_its_weighted_score(client: httpx.Client) -> None:
    answer = ask(client, modifiers=["+blue", "-green"]).json()
    for result in answer["results"]:
        terms = [share["term"] for share in result["contributions"]]
        assert terms == ["red blue", "+blue", "-green", *([LABEL] if result["rank"] <= 4 else [])]
        assert round(sum(share["value"] for share in result["contributions"]), 6) == result["score"]
        if result["rank"] <= 4:
            features = ToyMatcher().encode_images(pixels_of(result["metadata"]["name"].partition(".")[0])[None])
            value = WEIGHT * float(ToyMatcher().score("red blue", features)[0])
            assert result["contributions"][-1]["value"] == pytest.approx(value, abs=1e-6)
    assert answer["took_ms"]["rerank"] > 0
    assert ask(client, rerank="none").json()["took_ms"]["rerank"] == 0


@pytest.mark.parametrize("k", [1, 3, 4, 5])
def test_pages_follow_each_other_without_gaps_or_doubles(client: httpx.Client, k: int) -> None:
    whole = ask(client).json()["results"]
    pages: list[Any] = []
    offset = 0
    while offset is not None:
        page = ask(client, k=k, offset=offset).json()
        pages += page["results"]
        offset = page["next"]
    assert pages == whole


def test_a_depth_beyond_the_collection_re_ranks_all(http: Callable[..., httpx.Client], mixed: Path) -> None:
    client = http(data_dir=mixed, default_collection="mixed", load_encoder=load_encoder)
    found = ask(client)
    assert names(found) == expected("red blue", depth=50)
    assert found.json()["next"] is None


def test_what_does_not_fit_is_refused_with_what_does(client: httpx.Client) -> None:
    assert_problem(ask(client, rerank="other"), 422, "'other'", f"there are: {NAME}")
    assert_problem(ask(client, collection="bare"), 422, "there are: none", "--matcher")
    assert_problem(ask(client, model="second"), 422, NAME, "there are: none")
    assert_problem(ask(client, target="text"), 422, "captions")
    picture = {"content": png("red"), "headers": {"Content-Type": "image/png"}}
    assert_problem(client.post(f"/search/image?rerank={NAME}&modifier=+blue", **picture), 422, "a sentence")
    assert names(client.post("/search/image?rerank=none&k=1", **picture)) == ["red"]
    assert names(ask(client, collection="bare", rerank=None))[0] == "magenta"


def test_a_default_holds_where_it_fits(http: Callable[..., httpx.Client], mixed: Path) -> None:
    client = http(data_dir=mixed, default_collection="mixed", load_encoder=load_encoder, rerank=NAME)
    assert names(ask(client, rerank=None))[0] == "red-blue"
    assert names(ask(client, rerank=""))[0] == "red-blue"
    assert names(ask(client, rerank="none"))[0] == "magenta"
    for elsewhere in ({"collection": "bare"}, {"model": "second"}, {"target": "text"}):
        for result in ask(client, rerank=None, **elsewhere).json()["results"]:
            assert [share["term"] for share in result["contributions"]] == ["red blue"]


def test_collections_tell_what_can_answer_and_re_rank(client: httpx.Client) -> None:
    mixed = client.get("/collections/mixed").json()
    assert [model["name"] for model in mixed["models"]] == ["toy", "second"]
    assert mixed["matchers"] == [{"name": NAME, "model": "toy"}]
    assert client.get("/collections/bare").json()["matchers"] == []


def test_each_model_of_a_collection_answers(client: httpx.Client) -> None:
    answer = ask(client, "red", model="second", rerank=None)
    assert names(answer)[0] == "blue"
    assert answer.json()["collection"]["model"] == "second"
    picture = {"content": png("green"), "headers": {"Content-Type": "image/png"}}
    assert client.post("/search/image?model=second", **picture).json()["collection"]["model"] == "second"
    best = answer.json()["results"][0]
    explained = client.get("/explain", params={"image_id": best["id"], "query": "red", "model": "second"}).json()
    assert (explained["score"], explained["contributions"]) == (best["score"], best["contributions"])
    assert "model=second" in explained["overlay_url"]
    assert_problem(ask(client, model="third", rerank=None), 422, "'third'", "toy, second")
    assert_problem(client.post("/search/image?model=third", **picture), 422, "toy, second")


def test_a_model_that_cannot_be_loaded_is_left_out_and_the_default_answers(
    http: Callable[..., httpx.Client], mixed: Path
) -> None:
    def load(name: str) -> ToyEncoder:
        if name == "second":
            raise UnknownModelError("no second")
        return ToyEncoder(name)

    client = http(data_dir=mixed, default_collection="mixed", load_encoder=load)
    assert names(ask(client))[0] == "red-blue"
    assert_problem(ask(client, model="second"), 422, "there are: toy")


def other_weights(_name: str) -> ToyMatcher:
    return ToyMatcher(weights_sha256="b" * 64)


def unknown(name: str) -> ToyMatcher:
    raise UnknownModelError(f"no matcher named {name!r}")


@pytest.mark.parametrize("load_matcher", [other_weights, unknown])
def test_a_matcher_that_does_not_fit_its_features_is_left_out_and_searches_go_on(
    http: Callable[..., httpx.Client], mixed: Path, load_matcher: Callable[[str], ToyMatcher]
) -> None:
    client = http(data_dir=mixed, default_collection="mixed", load_encoder=load_encoder, load_matcher=load_matcher)
    assert client.get("/collections/mixed").json()["matchers"] == []
    assert_problem(ask(client), 422, NAME)
    assert names(ask(client, rerank=None))[0] == "magenta"


def test_a_matcher_at_work_holds_up_no_other_request(http: Callable[..., httpx.Client], mixed: Path) -> None:
    entered, gate = threading.Event(), threading.Event()

    class Slow(ToyMatcher):
        def score(self, text: str, features: Features) -> np.ndarray:
            if text != "warm-up":
                entered.set()
                assert gate.wait(20)
            return super().score(text, features)

    client = http(data_dir=mixed, default_collection="mixed", load_encoder=load_encoder, load_matcher=Slow)
    with ThreadPoolExecutor(1) as callers:
        slow = callers.submit(ask, client)
        assert entered.wait(20)
        assert names(ask(client, rerank=None))[0] == "magenta"
        gate.set()
        assert names(slow.result())[0] == "red-blue"


def test_the_command_line_re_ranks_too(mixed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.offline, "InstalledModels", lambda *_arguments, **_options: ToyLibrary(load_encoder))
    command = ["search", "mixed", "red blue", "--data-dir", str(mixed), "-k", "1"]
    best = [CliRunner().invoke(app, [*command, *more]).output for more in ([], ["--rerank", NAME])]
    assert ["magenta.png" in best[0], "red-blue.png" in best[1]] == [True, True]
    refused = CliRunner().invoke(app, [*command, "--rerank", "other"])
    assert (refused.exit_code, NAME in refused.stderr) == (1, True)


def test_re_ranked_results_have_the_confidence_that_was_fitted_for_the_matcher(
    http: Callable[..., httpx.Client], mixed: Path
) -> None:
    never = replace(CALIBRATION, intercept=-1000.0)
    encoder = ToyEncoder(calibrations={"text-to-image": CALIBRATION, f"text-to-image-{NAME}": never})
    client = http(data_dir=mixed, default_collection="mixed", load_encoder=lambda _name: encoder, rerank_depth=4)
    for offset in (0, 2):  # of the head of four, which the matcher has scored
        plain, re_ranked = (ask(client, k=2, rerank=rerank, offset=offset).json() for rerank in ("none", NAME))
        assert all(0 <= result["confidence"] <= 1 for result in plain["results"])
        assert {result["confidence"] for result in re_ranked["results"]} == {0}
        assert {result["strength"] for result in re_ranked["results"]} == {"weak"}
    behind = [ask(client, k=2, rerank=rerank, offset=6).json()["results"] for rerank in ("none", NAME)]
    assert behind[0] == behind[1]
