"""Searching by words, by an image and by both, and what bad input gets."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colour_collection import COLOURS, assert_problem, index, names, png, save_colours
from hypothesis import given
from hypothesis import strategies as st
from published_collection import publish_collection
from pydantic import TypeAdapter
from starlette.testclient import TestClient
from toy_encoder import CALIBRATION, ToyEncoder
from toy_indexing import index_with

from indexer.collections import collection_dir
from indexer.ingest.request import IndexRequest
from indexer.store.generation import open_current
from models.calibration import SAMPLE, sample_rows
from models.composition import Term, compose
from service.api.cursor import read_cursor, write_cursor
from service.api.schemas import SearchResults
from service.search.confidence import judge
from service.search.engine import search
from service.search.notices import NO_LIKELY_MATCH
from service.search.query import Page, Position


def text(client: TestClient, query: str = "red", **fields: Any) -> Any:
    return client.post("/search/text", json={"query": query, **fields})


def image(client: TestClient, content: bytes, **parameters: Any) -> Any:
    return client.post("/search/image", params=parameters, content=content, headers={"Content-Type": "image/png"})


@pytest.fixture
def ids(client: TestClient) -> dict[str, str]:
    """The id of each colour's picture."""
    found = text(client, "white", k=len(COLOURS)).json()["results"]
    return {result["metadata"]["name"].partition(".")[0]: result["id"] for result in found}


class TestText:
    """``POST /search/text``."""

    def test_the_query_alone_is_enough(self, client: TestClient) -> None:
        answer = client.post("/search/text", json={"query": "blue"})
        assert names(answer)[0] == "blue"
        body = answer.json()
        assert body["query"] == {"text": "blue", "image_id": None, "modifiers": [], "corrected": None}
        assert body["collection"]["name"] == "colours"
        assert body["collection"]["model"] == "toy"
        assert body["took_ms"]["total"] > 0

    def test_the_answer_has_the_declared_form(self, client: TestClient) -> None:
        body, declared = text(client, "red", modifiers=["+blue -green"]).text, TypeAdapter(SearchResults)
        assert json.loads(declared.dump_json(declared.validate_json(body))) == json.loads(body)

    def test_a_result_tells_what_the_page_shows(self, client: TestClient, pictures: Path) -> None:
        result = text(client, "red").json()["results"][0]
        assert result["rank"] == 1
        assert result["image_id"] == result["id"]
        assert result["caption"] == "a red square"
        assert result["confidence"] is None
        assert result["thumbnail_url"] == f"/images/{result['id']}/thumbnail?collection=colours"
        assert result["path"] == "red.png"
        known = {key: value for key, value in result["metadata"].items() if value is not None}
        changed = datetime.fromisoformat(known.pop("modified_at"))
        assert changed.timestamp() == pytest.approx((pictures / "red.png").stat().st_mtime, abs=1e-5)
        assert datetime.fromisoformat(known.pop("added_at")).tzinfo == UTC
        size = {"width": 60, "height": 40, "orientation": "landscape"}
        assert known == {"name": "red.png", "format": "PNG", "tags": [], **size}
        assert result["metadata"] == client.get(f"/images/{result['id']}").json()["metadata"]

    def test_modifiers_steer_and_their_shares_add_up_to_the_score(self, client: TestClient) -> None:
        answer = text(client, "red", modifiers=["+green", "-blue"])
        assert names(answer)[0] == "yellow"
        assert answer.json()["query"]["modifiers"] == [
            {"text": "green", "weight": 0.5, "source": None},
            {"text": "blue", "weight": -0.8, "source": None},
        ]
        for result in answer.json()["results"]:
            assert [share["term"] for share in result["contributions"]] == ["red", "+green", "-blue"]
            assert round(sum(share["value"] for share in result["contributions"]), 6) == result["score"]

    def test_pages_follow_each_other_without_gaps(self, client: TestClient) -> None:
        whole = text(client, "cyan", k=7).json()["results"]
        pages, offset = [], 0
        while offset is not None:
            page = text(client, "cyan", k=3, offset=offset).json()
            pages += page["results"]
            offset = page["next"]
        assert pages == whole
        assert [result["rank"] for result in pages] == [1, 2, 3, 4, 5, 6, 7]

    def test_captions_are_found_too(self, client: TestClient) -> None:
        result = text(client, "green", target="text", k=1).json()["results"][0]
        assert result["caption"] == "a green square"
        assert result["id"] != result["image_id"]
        assert client.get(f"/images/{result['image_id']}").json()["metadata"]["name"] == "green.jpg"

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"query": ""}, "empty"),
            ({"query": " \t"}, "empty"),
            ({"query": "x" * 1001}, "1001 characters"),
            ({"query": "\ud800"}, "Unicode"),
            ({"k": 0}, "body.k"),
            ({"k": 101}, "between 1 and 100"),
            ({"k": "many"}, "body.k"),
            ({"offset": -1}, "body.offset"),
            ({"offset": 1001}, "between 0 and 1000"),
            ({"target": "sound"}, "body.target"),
            ({"modifiers": [""]}, "empty"),
            ({"modifiers": ["+"]}, "sign"),
            ({"modifiers": ["+a"] * 9}, "limit is 8"),
            ({"query": "", "modifiers": ["+red", "-red"]}, "cancel"),
            ({"query": None}, "body.query"),
            ({"filter": {}}, "body.filter"),
            ({"rerank": True}, "body.rerank"),
            ({"rerank": "other"}, "'other' to re-rank with; there are: none"),
            ({"model": "other"}, "'other'; there are: toy"),
        ],
    )
    def test_a_wrong_field_is_refused_by_name(self, client: TestClient, fields: dict[str, Any], told: str) -> None:
        body = json.dumps({"query": "red", **fields})
        answer = client.post("/search/text", content=body, headers={"Content-Type": "application/json"})
        assert_problem(answer, 422, told)

    def test_json_without_its_content_type_is_refused(self, client: TestClient) -> None:
        assert_problem(client.post("/search/text", content=b'{"query": "red"}'), 422)

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"red"', b"\xff"])
    def test_what_is_not_a_json_object_is_refused(self, client: TestClient, body: bytes) -> None:
        answer = client.post("/search/text", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422)
        assert_problem(answer, answer.status_code)

    def test_an_unknown_collection_is_answered_with_those_there_are(self, client: TestClient) -> None:
        assert_problem(text(client, "red", collection="sounds"), 404, "'sounds'", "colours")


class TestImage:
    """``POST /search/image``."""

    def test_all_three_forms_of_an_image_mean_the_same(self, client: TestClient) -> None:
        raw = image(client, png("green"))
        form = client.post("/search/image", files={"file": ("x.png", png("green"), "image/png")})
        inline = client.post("/search/image", json={"image_b64": base64.b64encode(png("green")).decode()})
        assert names(raw)[0] == "green"
        assert raw.json()["results"] == form.json()["results"] == inline.json()["results"]

    def test_an_image_of_the_collection_finds_others_than_itself(self, client: TestClient, ids: dict[str, str]) -> None:
        answer = client.post("/search/image?k=7", json={"id": ids["red"]})
        assert set(names(answer)) == set(COLOURS) - {"red"}
        assert answer.json()["query"]["image_id"] == ids["red"]
        assert answer.json()["next"] is None

    def test_an_image_of_the_collection_finds_captions(self, client: TestClient, ids: dict[str, str]) -> None:
        answer = client.post("/search/image?target=text&k=1", json={"id": ids["cyan"]})
        assert answer.json()["results"][0]["caption"] == "a cyan square"

    def test_a_plus_in_the_address_adds_and_a_minus_subtracts(self, client: TestClient) -> None:
        answer = client.post(
            "/search/image?modifier=+blue&modifier=-red&k=1",
            content=png("white"),
            headers={"Content-Type": "image/png"},
        )
        assert names(answer) == ["blue"]
        assert [share["term"] for share in answer.json()["results"][0]["contributions"]] == ["image", "+blue", "-red"]

    def test_an_embedding_is_searched_by_its_direction(self, client: TestClient) -> None:
        answer = client.post("/search/image?k=1&collection=", json={"embedding": [0, 0, 300, 30]})
        assert names(answer) == ["blue"]
        assert answer.json()["results"][0]["score"] == pytest.approx(1, abs=1e-5)

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ({}, "exactly one source"),
            ({"id": None}, "exactly one source"),
            ({"id": "a", "embedding": [1, 0, 0, 0]}, "exactly one source"),
            ({"image_b64": "not base64!"}, "Base64"),
            ({"url": "http://example.org/x.png"}, "does not fetch"),
            ({"embedding": [1, 2]}, "2 numbers"),
            ({"embedding": [0, 0, 0, 0]}, "zero"),
            ({"embedding": [1e400, 0, 0, 0]}, "finite"),
            ({"embedding": ["x"]}, "body.embedding.0"),
            ({"picture": "x"}, "body.picture"),
        ],
    )
    def test_json_with_none_two_or_broken_sources_is_refused(
        self, client: TestClient, body: dict[str, Any], told: str
    ) -> None:
        content = json.dumps(body)
        answer = client.post("/search/image", content=content, headers={"Content-Type": "application/json"})
        assert_problem(answer, 422, told)

    def test_modifiers_alone_are_no_query(self, client: TestClient) -> None:
        assert_problem(client.post("/search/image?modifier=+beach"), 422, "exactly one source")

    def test_two_files_or_none_or_stray_fields_are_refused(self, client: TestClient) -> None:
        two = [("file", ("a.png", png(), "image/png")), ("file", ("b.png", png(), "image/png"))]
        assert_problem(client.post("/search/image", files=two), 422, "one image")
        assert_problem(client.post("/search/image", files={"image": ("a.png", png())}), 422, "'file'")
        assert_problem(client.post("/search/image", files={"file": ("a.png", png())}, data={"id": "x"}), 422)
        broken = {"Content-Type": "multipart/form-data; boundary=x"}
        assert_problem(client.post("/search/image", content=b"nonsense", headers=broken), 400)
        assert_problem(client.post("/search/image", content=b"", headers={"Content-Type": "multipart/form-data"}), 400)

    @pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "application/x-www-form-urlencoded"])
    def test_another_content_type_is_refused(self, client: TestClient, kind: str) -> None:
        assert_problem(client.post("/search/image", content=b"x", headers={"Content-Type": kind}), 415, kind)

    @pytest.mark.parametrize(
        ("content", "status"),
        [
            (b"this is no image", 400),
            (b"", 400),
            (png(size=(200, 200))[:-40], 400),
            (b"II*\0" + bytes(60), 400),
            (b"8BPS" + bytes(60), 415),
        ],
        ids=["not an image", "empty", "truncated", "a TIFF without a directory", "Photoshop"],
    )
    def test_what_is_not_an_image_is_refused(self, client: TestClient, content: bytes, status: int) -> None:
        assert_problem(image(client, content), status)

    def test_an_image_of_too_many_pixels_is_refused_from_its_header(self, start: Callable[..., TestClient]) -> None:
        client = start(max_pixels=1000)
        assert names(image(client, png(size=(100, 10))))[0] == "red"
        assert_problem(image(client, png(size=(101, 10))), 413, "1,000")

    @pytest.mark.parametrize(
        ("parameters", "told"),
        [
            ({"k": 0}, "query.k"),
            ({"k": 101}, "between 1 and 100"),
            ({"modifier": "-"}, "sign"),
            ({"target": "sound"}, "query.target"),
            ({"generate": "caption"}, "query.generate"),
        ],
    )
    def test_a_wrong_parameter_is_refused_by_name(
        self, client: TestClient, parameters: dict[str, Any], told: str
    ) -> None:
        assert_problem(image(client, png(), **parameters), 422, told)

    def test_an_unknown_id_is_not_found(self, client: TestClient) -> None:
        assert_problem(client.post("/search/image", json={"id": "0" * 32}), 404, "0" * 32)


def test_what_a_sentence_says_is_absent_is_subtracted_and_told(client: TestClient) -> None:
    answer = text(client, "yellow without red", k=1).json()
    assert answer["results"][0]["metadata"]["name"] == "green.jpg"
    assert answer["query"]["text"] == "yellow"
    assert answer["query"]["modifiers"] == [{"text": "red", "weight": -0.8, "source": "without red"}]
    as_written = text(client, "yellow without red", negation="off").json()
    assert (as_written["query"]["text"], as_written["query"]["modifiers"]) == ("yellow without red", [])
    (batched,) = client.post("/search/batch", json={"searches": [{"query": "yellow without red"}]}).json()["answers"]
    assert batched["query"] == answer["query"]
    assert_problem(text(client, "red", negation="maybe"), 422, "body.negation")


def test_a_wrong_letter_is_corrected_and_told(client: TestClient) -> None:
    answer = text(client, "a yelow light", k=1).json()
    assert answer["results"][0]["metadata"]["name"] == "yellow.png"
    assert answer["query"]["corrected"] == {"written": "a yelow light", "read": "a yellow light"}
    assert answer["query"]["text"] == "a yellow light"
    as_written = text(client, "a yelow light", correct="off").json()["query"]
    assert (as_written["text"], as_written["corrected"]) == ("a yelow light", None)
    assert text(client, "a yellow light").json()["query"]["corrected"] is None
    assert text(client, 'a "yelow" light').json()["query"]["text"] == "a yelow light"
    assert text(client, "a yelow light, gren").json()["query"]["corrected"] is None  # two: another language?
    assert text(client, "white -gren").json()["query"]["modifiers"][0]["text"] == "green"


def test_a_word_of_the_collection_s_captions_is_no_typing_error(
    start: Callable[..., TestClient], tmp_path: Path, pictures: Path
) -> None:
    captions = tmp_path / "captions.csv"
    captions.write_text("image,caption\nred.png,Yelow on a wall\n")
    index(tmp_path / "own", "own", pictures, captions=captions)
    answer = text(start(data_dir=tmp_path / "own"), "a yelow light").json()
    assert answer["query"]["corrected"] is None


class ReadsOtherwise(ToyEncoder):
    """The same weights with other rules for sentences, and room for three words."""

    def __init__(self, name: str = "toy") -> None:
        super().__init__(name)
        self.card = replace(self.card, text_form=1)

    def words_read(self, text: str) -> int | None:
        return 3 if len(text.split()) > 3 else None


def test_captions_that_were_read_by_other_rules_are_refused_until_they_are_indexed_again(
    start: Callable[..., TestClient], data_dir: Path
) -> None:
    client = start(load_encoder=ReadsOtherwise)
    assert names(text(client, "red", k=1)) == ["red"]  # images do not depend on the rules
    assert_problem(text(client, "red", target="text"), 409, "semblance index --again colours")
    index_with(IndexRequest(data_dir, "colours", (), add=True), [encoder := ReadsOtherwise()])
    assert encoder.images_encoded == 0
    assert client.post("/collections/colours/reload").status_code == 200
    assert text(client, "red", target="text", k=1).json()["results"][0]["caption"] == "a red square"


def test_a_query_that_is_cut_is_told_after_how_many_words(start: Callable[..., TestClient]) -> None:
    client = start(load_encoder=ReadsOtherwise)
    told = text(client, "red green blue white").json()["warnings"]
    assert told == ["The query was cut after 3 words: the model reads no more of a sentence."]
    assert text(client, "red green blue").json()["warnings"] == []


def test_words_that_the_model_does_not_know_are_named(start: Callable[..., TestClient]) -> None:
    client = start()
    (notice,) = text(client, "ein Gänseblümchen +Schnee").json()["notices"]
    assert notice["code"] == "unknown_words"
    assert notice["text"] == "The model reads English and does not know “Gänseblümchen” or “Schnee”."
    assert text(client, "Gänseblümchen", correct="off").json()["notices"] != []
    assert text(client, "a square on a Gänseblümchen").json()["notices"] == []  # most of it is known
    reads_more = ToyEncoder()
    reads_more.card = replace(reads_more.card, languages=("en", "de"))
    assert text(start(load_encoder=lambda _name: reads_more), "Gänseblümchen").json()["notices"] == []


def test_a_collection_without_captions_says_so_instead_of_finding_captions(
    start: Callable[..., TestClient], tmp_path: Path, pictures: Path
) -> None:
    index(tmp_path / "bare", "bare", pictures)
    client = start(data_dir=tmp_path / "bare")
    answer = text(client, "red", target="text").json()
    assert (answer["results"], answer["next"]) == ([], None)
    assert "no captions" in answer["warnings"][0]
    assert names(text(client, "red"))[0] == "red"
    assert text(client, "red").json()["results"][0]["caption"] is None


def test_with_several_collections_one_has_to_be_named_unless_there_is_a_default(
    start: Callable[..., TestClient], data_dir: Path, pictures: Path
) -> None:
    index(data_dir, "more", pictures)
    assert_problem(text(start(), "red"), 422, "colours", "more")
    assert names(text(start(), "red", collection="more"))[0] == "red"
    assert text(start(default_collection="more"), "red").json()["collection"]["name"] == "more"


def test_no_collection_at_all_is_said(start: Callable[..., TestClient], tmp_path: Path) -> None:
    client = start(data_dir=tmp_path / "empty")
    assert_problem(text(client, "red"), 422, "semblance index")
    assert_problem(text(client, "red", collection="colours"), 404)
    assert_problem(client.get("/readyz"), 503)


def test_no_page_is_offered_that_would_be_refused(start: Callable[..., TestClient]) -> None:
    client = start(max_offset=4)
    assert text(client, "red", k=3).json()["next"] == 3
    assert text(client, "red", k=3, offset=3).json()["next"] is None


@pytest.mark.parametrize("k", [1, 2, len(COLOURS)])
def test_a_search_asks_the_catalog_as_often_for_many_results_as_for_one(
    client: TestClient, ids: dict[str, str], statements: list[str], k: int
) -> None:
    def count(search: Callable[[], Any]) -> int:
        statements.clear()
        assert len(names(search())) == min(k, len(COLOURS) - 1)
        return len(statements)

    k = min(k, len(COLOURS) - 1)  # an image of the collection does not find itself
    assert count(lambda: text(client, "red", k=k)) == 1
    assert count(lambda: text(client, "red", k=k, target="text")) == 2  # captions, and their images
    assert count(lambda: image(client, png("red"), k=k)) == 1
    by_id = {"id": ids["red"]}
    assert count(lambda: client.post(f"/search/image?k={k}", json=by_id)) == 2  # that image, and those found
    assert count(lambda: client.post(f"/search/image?k={k}&target=text", json=by_id)) == 3


class TestConfidence:
    """What a model with a calibration says of its results; the toy model's holds a match where a score is over 0.8."""

    @pytest.fixture
    def sure(self, start: Callable[..., TestClient]) -> TestClient:
        calibrations = {"text-to-image": CALIBRATION, "image-to-text": CALIBRATION}
        return start(load_encoder=lambda name: ToyEncoder(name, calibrations=calibrations))

    def test_each_result_tells_how_likely_it_is_to_be_relevant(self, sure: TestClient) -> None:
        answer = text(sure, "red").json()
        scores = np.array([result["score"] for result in answer["results"]])
        expected = 1 / (1 + np.exp(-(50 * scores - 40)))
        confidences = [result["confidence"] for result in answer["results"]]
        assert confidences == pytest.approx(expected.tolist(), abs=2e-6)
        assert confidences == sorted(confidences, reverse=True)
        assert confidences[0] > 0.7
        assert answer["warnings"] == []

    def test_a_confidence_does_not_depend_on_the_page(self, sure: TestClient) -> None:
        whole = text(sure, "cyan", k=7).json()["results"]
        pages = [text(sure, "cyan", k=1, offset=offset).json()["results"] for offset in range(7)]
        assert [result for page in pages for result in page] == whole

    def test_an_image_finds_captions_with_confidence(self, sure: TestClient) -> None:
        found = image(sure, png("blue"), target="text").json()["results"]
        assert found[0]["caption"] == "a blue square"
        assert found[0]["confidence"] > 0.7 > 0.1 > found[-1]["confidence"]

    def test_what_is_not_calibrated_has_none(self, sure: TestClient, ids: dict[str, str]) -> None:
        answers = [
            text(sure, "red", modifiers=["+blue"]),
            text(sure, "red", target="text"),
            image(sure, png("red")),
            sure.post("/search/image", json={"id": ids["red"]}),
            sure.post("/search/image?target=text", json={"embedding": [0, 0, 1, 0]}),
            image(sure, png("red"), target="text", modifier="+blue"),
        ]
        for answer in answers:
            assert {result["confidence"] for result in answer.json()["results"]} == {None}
            assert answer.json()["warnings"] == []

    def test_where_nothing_matches_the_answer_says_so_and_still_lists_the_nearest(
        self, start: Callable[..., TestClient], tmp_path: Path
    ) -> None:
        save_colours(tmp_path / "warm", ["red", "yellow"])
        index(tmp_path / "few", "warm", tmp_path / "warm")
        encoder = ToyEncoder(calibrations={"text-to-image": CALIBRATION})
        client = start(data_dir=tmp_path / "few", load_encoder=lambda _name: encoder)
        answer = text(client, "blue").json()
        assert answer["warnings"] == [NO_LIKELY_MATCH.text]
        assert answer["notices"] == [{"code": "no_likely_match", "text": NO_LIKELY_MATCH.text}]
        assert len(answer["results"]) == 2
        assert all(result["confidence"] < 0.01 for result in answer["results"])
        assert text(client, "yellow").json()["warnings"] == []

    def test_without_a_calibration_a_sample_of_the_collection_tells_how_strong_a_result_is(
        self, tmp_path: Path
    ) -> None:
        vectors = np.random.default_rng(0).normal(size=(SAMPLE + 900, 4)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        paths = [Path(f"/photographs/{number:05}.jpg") for number in range(len(vectors))]
        publish_collection(tmp_path, "many", paths, vectors, ToyEncoder())
        with open_current(collection_dir(tmp_path, "many")) as generation:
            stored = generation.vector_set("toy", "image")
            assert stored.sample is stored.sample
            assert stored.sample.tolist() == stored.matrix[sample_rows(len(vectors))].tolist()
            query = ToyEncoder().encode_texts(["red"])[0]
            told = judge(None, "text-to-image", stored, query, np.array([9.0, 0.0]))
            assert (told.confidences, told.strengths) == ([None, None], ["strong", "weak"])


class TestCursors:
    """Pages to the last result."""

    def test_pages_by_cursor_are_those_by_offset_and_end_with_the_last(self, client: TestClient) -> None:
        by_offset = text(client, "red", k=len(COLOURS)).json()["results"]
        answer = text(client, "red", k=2).json()
        pages = [answer["results"]]
        while answer["next_cursor"]:
            answer = text(client, "red", k=2, cursor=answer["next_cursor"]).json()
            pages.append(answer["results"])
        assert [hit for page in pages for hit in page] == by_offset
        assert [len(page) for page in pages] == [2, 2, 2, 1]
        assert answer["total"] == len(COLOURS)

    def test_they_reach_beyond_the_largest_offset_and_leave_out_the_image_itself(
        self, start: Callable[..., TestClient], ids: dict[str, str]
    ) -> None:
        client = start(max_offset=1)
        answer = client.post("/search/image?k=3", json={"id": ids["red"]}).json()
        seen = [hit["id"] for hit in answer["results"]]
        assert answer["next"] is None
        while answer["next_cursor"]:
            answer = client.post(f"/search/image?k=3&cursor={answer['next_cursor']}", json={"id": ids["red"]}).json()
            seen += [hit["id"] for hit in answer["results"]]
        assert sorted(seen) == sorted(set(ids.values()) - {ids["red"]})
        assert answer["total"] == len(ids) - 1

    def test_ties_are_neither_lost_nor_doubled(self, tmp_path: Path) -> None:
        encoder = ToyEncoder()
        vectors = np.repeat(encoder.encode_texts(["red", "blue", "green"]), 40, axis=0)
        paths = [Path(f"/photos/{number:03}.jpg") for number in range(len(vectors))]
        publish_collection(tmp_path, "tied", paths, vectors, encoder, {})
        query = compose([Term("red", encoder.encode_texts(["red"])[0])])
        with open_current(collection_dir(tmp_path, "tied")) as generation:
            rows, page = [], Page(7)
            while True:
                found = search(generation, "toy", query, page)
                rows += [hit.image.row for hit in found.hits]
                if found.last is None:
                    break
                page = Page(7, after=found.last)
        assert sorted(rows) == list(range(len(vectors)))
        assert rows[:40] == list(range(40))

    def test_a_cursor_of_another_generation_or_of_nobody_is_refused(self, client: TestClient) -> None:
        last = Position(2, 0.5, 1)
        assert_problem(text(client, "red", cursor=write_cursor(99, last)), 409)
        assert_problem(text(client, "red", offset=2, cursor=write_cursor(1, last)), 422)
        for broken in ("x", "!!", base64.urlsafe_b64encode(b"[1]").decode(), base64.urlsafe_b64encode(b"{}").decode()):
            assert_problem(text(client, "red", cursor=broken), 422)


@given(st.integers(0, 99), st.integers(0, 10**9), st.floats(-1, 1), st.integers(0, 10**9))
def test_a_cursor_is_read_as_it_was_written(generation: int, rank: int, score: float, row: int) -> None:
    position = Position(rank, score, row)
    assert read_cursor(write_cursor(generation, position)) == (generation, position)
