"""One plan for every kind of query: what has to be encoded, what it becomes, and what is found by it."""

from __future__ import annotations

import dataclasses
import importlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from colour_collection import COLOURS, png
from PIL import Image
from toy_encoder import CALIBRATION, WORDS, ToyEncoder
from toy_indexing import index_with
from toy_library import ToyLibrary
from toy_matcher import NAME, ToyMatcher

import service.offline
from indexer.collections import collection_dir
from indexer.ingest.request import IndexRequest
from indexer.store.generation import Generation, open_current
from models.errors import ImageTooLargeError, QueryError
from models.imaging.decode import InProcessDecoder
from models.imaging.limits import DecodeLimits
from models.types import Side, Vectors
from service.offline import Searcher
from service.search.engine import Found, ImageNotFoundError
from service.search.plan import EncodedQuery, plan_search, prepare_image, resolve, unit_embedding
from service.search.query import CollectionImage, Embedding, ImageFile, Modifier, Page, Query, Sentence, Source
from service.search.rerank import RerankChoice
from service.settings import Settings

ALL = Page(len(COLOURS))
BLUE, NOT_GREEN = Modifier("blue", 1.4), Modifier("green", -1.4)
CALIBRATED = ToyEncoder(calibrations={"text-to-image": CALIBRATION})


@pytest.fixture(scope="module")
def generation(published: tuple[Path, Path]) -> Iterator[Generation]:
    """The collection of colours, each with one caption."""
    with open_current(collection_dir(published[0], "colours")) as opened:
        yield opened


@pytest.fixture(scope="module")
def ids(generation: Generation) -> dict[str, str]:
    """The id of each colour's picture."""
    return {image.name.partition(".")[0]: image.id for image in generation.catalog.images_at(range(len(COLOURS)))}


def encode(query: Query) -> EncodedQuery:
    """Encode as any caller would, by the toy encoder."""
    prepared = [prepare_image(content, CALIBRATED, InProcessDecoder()) for content in query.image_files]
    images = [CALIBRATED.encode_images(image[np.newaxis])[0] for image in prepared]
    return EncodedQuery(query, list(CALIBRATED.encode_texts(query.words)), images)


def find(generation: Generation, query: Query, target: Side = "image", page: Page = ALL) -> Found:
    plan = plan_search(generation, CALIBRATED.card, {}, query, target=target, page=page, rerank=RerankChoice())
    return plan.run(encode(plan.query))


def colours(found: Found) -> list[str]:
    return [hit.image.name.partition(".")[0] for hit in found.hits]


def vector(*colour: float) -> Vectors:
    """Return the toy vector of a colour."""
    numbers = np.array([*colour, 0.1])
    return np.asarray(numbers / np.linalg.norm(numbers), dtype=np.float32)


class TestResolve:
    """Every part of a query gets its vector."""

    def test_a_sentence_and_its_modifiers_have_the_vectors_of_their_words(self, generation: Generation) -> None:
        resolved = resolve(encode(Query(Sentence("red"), (BLUE, NOT_GREEN))), generation, "toy")
        assert [term.label for term in resolved.terms] == ["red", "+blue", "-green"]
        assert [term.text for term in resolved.terms] == ["red", "blue", "green"]
        assert [term.weight for term in resolved.terms] == [1.0, 1.4, -1.4]
        for term, word in zip(resolved.terms, ("red", "blue", "green"), strict=True):
            np.testing.assert_allclose(term.vector, vector(*WORDS[word]), rtol=1e-6)
        assert resolved.row is None

    def test_an_image_file_has_the_vector_of_its_pixels(self, generation: Generation) -> None:
        resolved = resolve(encode(Query(ImageFile(png("cyan")), (BLUE,))), generation, "toy")
        assert [(term.label, term.text, term.weight) for term in resolved.terms] == [
            ("image", None, 1.0),
            ("+blue", "blue", 1.4),
        ]
        np.testing.assert_allclose(resolved.terms[0].vector, vector(0, 1, 1), rtol=1e-6)
        np.testing.assert_allclose(resolved.terms[1].vector, vector(0, 0, 1), rtol=1e-6)
        assert resolved.row is None

    def test_an_image_of_the_collection_has_its_stored_vector_and_its_row(
        self, generation: Generation, ids: dict[str, str]
    ) -> None:
        resolved = resolve(encode(Query(CollectionImage(ids["cyan"]), (BLUE,))), generation, "toy")
        assert resolved.row is not None
        assert generation.catalog.images_at([resolved.row])[0].id == ids["cyan"]
        stored = generation.vector_set("toy", "image").matrix[resolved.row]
        assert resolved.terms[0].vector.tolist() == stored.tolist()
        assert [(term.label, term.text) for term in resolved.terms] == [("image", None), ("+blue", "blue")]

    def test_an_embedding_is_scaled_to_unit_length(self, generation: Generation) -> None:
        (term,) = resolve(encode(Query(Embedding((0.0, 3.0, 0.0, -4.0)))), generation, "toy").terms
        assert (term.label, term.text, term.weight) == ("embedding", None, 1.0)
        assert term.vector.tolist() == pytest.approx([0, 0.6, 0, -0.8])

    def test_modifiers_alone_are_all_the_terms_there_are(self, generation: Generation) -> None:
        resolved = resolve(encode(Query(None, (BLUE, NOT_GREEN))), generation, "toy")
        assert [(term.label, term.text, term.weight) for term in resolved.terms] == [
            ("+blue", "blue", 1.4),
            ("-green", "green", -1.4),
        ]
        assert resolved.row is None

    def test_an_image_that_is_not_there_is_not_found(self, generation: Generation) -> None:
        with pytest.raises(ImageNotFoundError, match="'nobody'"):
            resolve(encode(Query(CollectionImage("nobody"))), generation, "toy")


class TestUnitEmbedding:
    """A caller's own numbers."""

    def test_the_length_of_any_vector_but_zero_is_taken_away(self) -> None:
        for scale in (1e-30, 1.0, 1e30):
            scaled = unit_embedding((3 * scale, 4 * scale), 2)
            assert scaled.tolist() == pytest.approx([0.6, 0.8])
            assert (scaled.dtype, scaled.flags.c_contiguous) == (np.float32, True)

    @pytest.mark.parametrize(
        ("values", "told"),
        [
            ((1.0,), r"^The embedding has 1 numbers: this collection's model has 2\.$"),
            ((1.0, 2.0, 3.0), "has 3 numbers"),
            ((0.0, 0.0), r"^The embedding must be finite numbers that are not all zero\.$"),
            ((1.0, float("inf")), "finite"),
            ((float("nan"), 1.0), "finite"),
        ],
    )
    def test_other_numbers_are_refused(self, values: tuple[float, ...], told: str) -> None:
        with pytest.raises(QueryError, match=told):
            unit_embedding(values, 2)


class TestPrepareImage:
    """From a file to the encoder's input."""

    def test_a_large_photograph_is_decoded_at_a_smaller_scale(self) -> None:
        buffer = io.BytesIO()
        noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
        Image.fromarray(noise).save(buffer, "JPEG")
        encoder, decoder = ToyEncoder(), InProcessDecoder()
        prepared = prepare_image(buffer.getvalue(), encoder, decoder)
        assert prepared.shape == (8, 8, 3)
        shrunk, whole = (decoder.decode(buffer.getvalue(), shrink_to=size).pixels for size in (8, None))
        assert prepared.tolist() == encoder.prepare(shrunk).tolist() != encoder.prepare(whole).tolist()

    def test_the_decoder_s_limits_hold(self) -> None:
        with pytest.raises(ImageTooLargeError):
            prepare_image(png(size=(20, 20)), ToyEncoder(), InProcessDecoder(DecodeLimits(399)))


class TestRun:
    """From an encoded query to its results."""

    @pytest.mark.parametrize(
        ("source", "best"),
        [(Sentence("yellow"), "yellow"), (ImageFile(png("cyan")), "cyan"), (Embedding((0.0, 0.0, 5.0, 0.5)), "blue")],
    )
    def test_each_source_finds_what_is_most_like_it(self, generation: Generation, source: Source, best: str) -> None:
        found = find(generation, Query(source))
        assert colours(found)[0] == best
        assert found.hits[0].score == pytest.approx(1, abs=1e-3)
        assert [label for label, _ in found.hits[0].contributions] == [source.label]

    def test_modifiers_alone_find_what_they_pull_towards(self, generation: Generation) -> None:
        towards = find(generation, Query(None, (BLUE,)))
        assert colours(towards)[0] == "blue"
        assert towards.hits[0].score == pytest.approx(1, abs=1e-5)  # their length does not matter, only the direction
        away = find(generation, Query(None, (NOT_GREEN,)))
        assert set(colours(away)[:3]) == {"red", "blue", "magenta"}
        assert all(hit.score < 0 for hit in away.hits)
        both = find(generation, Query(None, (BLUE, NOT_GREEN)))
        assert colours(both)[0] == "blue"
        for hit in both.hits:
            assert [label for label, _ in hit.contributions] == ["+blue", "-green"]
            assert hit.score == pytest.approx(sum(value for _, value in hit.contributions), abs=1e-9)
            assert hit.confidence is None

    def test_an_image_of_the_collection_finds_all_others(self, generation: Generation, ids: dict[str, str]) -> None:
        for colour in COLOURS:
            found = find(generation, Query(CollectionImage(ids[colour])))
            assert sorted(colours(found)) == sorted(set(COLOURS) - {colour})

    def test_an_image_of_the_collection_finds_every_caption(self, generation: Generation, ids: dict[str, str]) -> None:
        for colour in COLOURS:
            found = find(generation, Query(CollectionImage(ids[colour])), target="text")
            assert found.hits[0].caption == f"a {colour} square"
            assert len(found.hits) == len(COLOURS)
            assert all(hit.id != hit.image.id for hit in found.hits)

    def test_a_page_is_a_part_of_the_whole(self, generation: Generation) -> None:
        whole = find(generation, Query(Sentence("red")))
        part = find(generation, Query(Sentence("red")), page=Page(2, 3))
        assert part.hits == whole.hits[3:5]
        assert part.next_offset == 5

    def test_confidence_is_told_where_the_kind_of_query_is_calibrated(
        self, generation: Generation, ids: dict[str, str]
    ) -> None:
        assert all(hit.confidence is not None for hit in find(generation, Query(Sentence("red"))).hits)
        for query in (Query(Sentence("red"), (BLUE,)), Query(CollectionImage(ids["red"])), Query(None, (BLUE,))):
            assert all(hit.confidence is None for hit in find(generation, query).hits)
        assert all(hit.confidence is None for hit in find(generation, Query(Sentence("red")), target="text").hits)

    def test_terms_that_cancel_each_other_out_find_nothing(self, generation: Generation) -> None:
        with pytest.raises(QueryError, match="cancel"):
            find(generation, Query(None, (Modifier("red", 0.5), Modifier("red", -0.5))))

    def test_a_matcher_that_does_not_fit_is_refused_before_anything_is_encoded(self, generation: Generation) -> None:
        matchers = {NAME: ToyMatcher()}
        page, rerank = Page(7), RerankChoice(NAME, depth=3)
        with pytest.raises(QueryError, match="a sentence"):
            plan_search(
                generation, CALIBRATED.card, matchers, Query(None, (BLUE,)), target="image", page=page, rerank=rerank
            )
        query = Query(Sentence("red"))
        plan = plan_search(generation, CALIBRATED.card, matchers, query, target="image", page=page, rerank=rerank)
        assert plan.reranking is not None
        assert (plan.reranking.matcher, plan.reranking.text, plan.reranking.depth) == (matchers[NAME], "red", 3)
        with pytest.raises(QueryError, match="for captions"):
            plan_search(generation, CALIBRATED.card, matchers, query, target="text", page=page, rerank=rerank)

    def test_the_best_are_re_ranked_as_planned(self, pictures: Path, tmp_path: Path) -> None:
        index_with(IndexRequest(tmp_path, "colours", (pictures,)), [ToyEncoder()], [ToyMatcher()])
        with open_current(collection_dir(tmp_path, "colours")) as generation:
            plan = plan_search(
                generation, CALIBRATED.card, {NAME: ToyMatcher()}, Query(Sentence("red")),
                target="image", page=ALL, rerank=RerankChoice(NAME, depth=3),
            )  # fmt: skip
            found = plan.run(encode(plan.query))
        labels = [[label for label, _ in hit.contributions] for hit in found.hits]
        assert labels == [["red", f"rerank: {NAME}"]] * 3 + [["red"]] * (len(COLOURS) - 3)


@pytest.mark.parametrize("name", ["engine", "grammar", "plan", "query", "rerank"])
def test_what_threads_share_of_a_search_cannot_be_changed(name: str) -> None:
    module = importlib.import_module(f"service.search.{name}")
    own = [one for one in vars(module).values() if dataclasses.is_dataclass(one) and one.__module__ == module.__name__]
    assert own
    for one in own:
        assert one.__dataclass_params__.frozen, one


@pytest.mark.parametrize("target", ["image", "text"])
@pytest.mark.parametrize(
    ("words", "image", "route", "request_"),
    [
        ("red", None, "/search/text", {"json": {"query": "red", "modifiers": ["+blue -green"]}}),
        ("", png("cyan"), "/search/image", {"params": {"modifier": "+blue -green"}, "files": {"file": png("cyan")}}),
    ],
    ids=["words", "image"],
)
def test_the_service_and_the_command_line_find_the_same(
    http: Callable[..., httpx.Client],
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    image: bytes | None,
    route: str,
    request_: dict[str, Any],
    target: Side,
) -> None:
    monkeypatch.setattr(service.offline, "InstalledModels", lambda *_arguments, **_options: ToyLibrary())
    with Searcher(Settings(data_dir=data_dir), "colours") as searcher:
        lines, warnings = searcher.search(words, image, ["+blue -green"], target, Page(7))
    place = "json" if route == "/search/text" else "params"
    asked = {**request_, place: {**request_.get(place, {}), "target": target}}
    answer = http().post(route, **asked).json()
    assert answer["warnings"] == list(warnings)
    assert len(lines) == len(answer["results"]) == 7
    for line, result in zip(lines, answer["results"], strict=True):
        assert (line.rank, line.id, line.score, line.caption) == tuple(
            result[name] for name in ("rank", "id", "score", "caption")
        )
        assert [vars(share) for share in line.contributions] == result["contributions"]
        assert line.confidence is result["confidence"] is None
