"""Ranking, pages, exclusion, re-ranking and hydration in one generation, against orders that are known by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy
from colour_collection import COLOURS
from PIL import Image
from published_collection import publish_collection
from toy_encoder import CALIBRATION, REFERENCE, ToyEncoder
from toy_indexing import index_with
from toy_matcher import NAME, WEIGHT, ToyMatcher

from indexer.collections import collection_dir
from indexer.ingest.request import IndexRequest
from indexer.store.base import VectorStore
from indexer.store.generation import Generation, open_current
from models.calibration import Calibrations
from models.composition import ComposedQuery, Term, compose
from models.types import Features, Vectors
from service.search.engine import Found, ImageNotFoundError, find_image, search, stored_vector
from service.search.notices import NO_CAPTIONS
from service.search.query import Page
from service.search.rerank import Reranking

COSINES = [0.1, 0.9, 0.3, 0.9, 0.7, 0.2, 0.8, 0.5, 0.9, 0.0, 0.6, 0.4]
"""Of each row with the query ``TOWARDS``; rows 1, 3 and 8 are equal."""
BEST_FIRST = [1, 3, 8, 6, 4, 10, 7, 11, 2, 5, 0, 9]
TOWARDS = compose([Term("towards", np.array([1, 0, 0, 0], np.float32))])
TEXTS = {0: ["a red light", "shared"], 1: ["shared"], 2: ["a blue light"]}
SLEEP_S = 0.05

CALIBRATED = Calibrations(REFERENCE, {"text-to-image": CALIBRATION})


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generation]:
    """Twelve images at ``COSINES`` to ``TOWARDS``, three of which have captions."""
    folder = tmp_path_factory.mktemp("engine")
    cosines = np.array(COSINES)
    matrix = np.stack([cosines, np.sqrt(1 - cosines**2), 0 * cosines, 0 * cosines], axis=1).astype(np.float32)
    paths = [Path(f"/photographs/{number:02}.jpg") for number in range(len(matrix))]
    captions = {paths[row]: texts for row, texts in TEXTS.items()}
    publish_collection(folder, "cosines", paths, matrix, ToyEncoder(), captions)
    with open_current(collection_dir(folder, "cosines")) as opened:
        yield opened


def found_rows(found: Found) -> list[int]:
    return [hit.image.row for hit in found.hits]


class TestRanking:
    """Without re-ranking."""

    def test_the_best_come_first_and_of_equals_the_lower_row(self, generation: Generation) -> None:
        found = search(generation, "toy", TOWARDS, Page(12))
        assert found_rows(found) == BEST_FIRST
        assert [hit.score for hit in found.hits] == pytest.approx(sorted(COSINES, reverse=True), abs=1e-6)
        assert [hit.rank for hit in found.hits] == list(range(1, 13))
        assert (found.next_offset, found.notices, found.rerank_ms) == (None, (), 0)

    @pytest.mark.parametrize(
        ("k", "offset", "next_offset"),
        [
            (1, 0, 1), (3, 2, 5), (11, 0, 11), (12, 0, None), (50, 0, None), (3, 8, 11), (4, 8, None), (1, 10, 11),
            (1, 11, None), (5, 12, None), (5, 40, None),
        ],
    )  # fmt: skip
    def test_a_page_is_a_part_of_the_whole_and_tells_where_the_next_one_begins(
        self, generation: Generation, k: int, offset: int, next_offset: int | None
    ) -> None:
        found = search(generation, "toy", TOWARDS, Page(k, offset))
        assert found_rows(found) == BEST_FIRST[offset : offset + k]
        assert [hit.rank for hit in found.hits] == list(range(1, 13))[offset : offset + k]
        assert found.next_offset == next_offset

    @pytest.mark.parametrize("excluded", range(12))
    @pytest.mark.parametrize("k", [10, 11, 12])
    def test_an_excluded_row_is_not_found_and_takes_nobody_s_place(
        self, generation: Generation, excluded: int, k: int
    ) -> None:
        found = search(generation, "toy", TOWARDS, Page(k), excluded_row=excluded)
        expected = [row for row in BEST_FIRST if row != excluded]
        assert found_rows(found) == expected[:k]
        assert found.next_offset == (10 if k == 10 else None)

    def test_a_result_of_an_image_is_what_the_catalog_knows_of_it(self, generation: Generation) -> None:
        red = compose([Term("+red", np.array([1, 0, 0, 0], np.float32), 0.5), Term("-up", np.eye(4)[1], -0.5)])
        hits = {hit.image.row: hit for hit in search(generation, "toy", red, Page(12)).hits}
        assert (hits[0].id, hits[0].image.name) == (hits[0].image.id, "00.jpg")
        assert (hits[0].caption, hits[1].caption, hits[5].caption) == ("a red light", "shared", None)
        for row, cosine in enumerate(COSINES):
            (label, share), (other, less) = hits[row].contributions
            assert (label, other) == ("+red", "-up")
            assert share == pytest.approx(cosine / np.sqrt(2), abs=2e-6)
            assert less == pytest.approx(-np.sqrt(1 - cosine**2) / np.sqrt(2), abs=2e-6)
            assert hits[row].score == round(share + less, 6)
            assert hits[row].confidence is None

    def test_confidences_go_with_their_results_on_every_page(self, generation: Generation) -> None:
        whole = search(generation, "toy", TOWARDS, Page(12), calibrations=CALIBRATED)
        confidences = [hit.confidence or 0 for hit in whole.hits]
        assert confidences == sorted(confidences, reverse=True)
        assert confidences[0] > 0.2 > confidences[4] > 0
        for offset in range(12):
            page = search(generation, "toy", TOWARDS, Page(1, offset), calibrations=CALIBRATED)
            assert page.hits == (whole.hits[offset],)


class TestCaptions:
    """Where text is searched."""

    @pytest.fixture
    def red(self) -> ComposedQuery:
        return compose([Term("red", ToyEncoder().encode_texts(["red"])[0])])

    def test_captions_are_found_with_the_first_image_that_they_describe(
        self, generation: Generation, red: ComposedQuery
    ) -> None:
        found = search(generation, "toy", red, Page(12), target="text")
        assert [hit.caption for hit in found.hits] == ["a red light", "shared", "a blue light"]
        best, shared, _ = found.hits
        assert (best.image.row, best.image.name) == (0, "00.jpg")
        assert best.id != best.image.id
        assert shared.image.id == min(image.id for image in generation.catalog.images_at([0, 1]))

    def test_the_best_caption_comes_first_on_its_page(self, generation: Generation, red: ComposedQuery) -> None:
        captions = []
        for offset in range(3):
            page = search(generation, "toy", red, Page(1, offset), target="text")
            captions += [hit.caption for hit in page.hits]
            assert page.next_offset == (offset + 1 if offset < 2 else None)
        assert captions == ["a red light", "shared", "a blue light"]

    def test_where_there_are_none_that_is_said(self, tmp_path: Path, red: ComposedQuery) -> None:
        paths = [Path("/photographs/red.jpg")]
        publish_collection(tmp_path, "bare", paths, ToyEncoder().encode_texts(["red"]), ToyEncoder())
        with open_current(collection_dir(tmp_path, "bare")) as bare:
            found = search(bare, "toy", red, Page(5), target="text")
            assert (found.hits, found.next_offset) == ((), None)
            assert found.notices == (NO_CAPTIONS,)
            assert (found.search_ms, found.rerank_ms, found.hydrate_ms) == (0, 0, 0)
            (hit,) = search(bare, "toy", red, Page(5)).hits
            assert hit.caption is None


PICTURES = [*COLOURS, "red-blue", "cyan-red", "green-red", "yellow-blue", "white-red"]
RED_BLUE = compose([Term("red blue", ToyEncoder().encode_texts(["red blue"])[0])])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generation]:
    """Plain pictures and pictures of two colours, with the features of the toy matcher."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "files").mkdir()
    for name in PICTURES:
        left, _, right = name.partition("-")
        pixels = np.empty((8, 8, 3), np.uint8)
        pixels[:, :5], pixels[:, 5:] = COLOURS[left], COLOURS[right or left]
        Image.fromarray(pixels).save(root / "files" / f"{name}.png")
    index_with(IndexRequest(root, "pictures", (root / "files",)), [ToyEncoder()], [ToyMatcher()])
    with open_current(collection_dir(root, "pictures")) as opened:
        yield opened


def with_store(generation: Generation, change: Callable[[VectorStore], VectorStore]) -> Generation:
    """Return the same generation with another store of its image vectors."""
    images = generation.vector_set("toy", "image")
    sets = {("toy", "image"): replace(images, store=change(images.store))}
    return Generation(
        generation.pointer, generation.manifest, generation.catalog, sets, generation.feature_arrays  # type: ignore[arg-type]
    )  # fmt: skip


class Forgetful:
    """A real store that is approximate: its best row is found only if more than ``until`` rows are asked for."""

    def __init__(self, store: VectorStore, until: int) -> None:
        self._store, self._until = store, until
        self.dimension, self.size = store.dimension, store.size

    def search(self, queries: Vectors, k: int, *, allowed: Any = None) -> Any:
        scores, rows = self._store.search(queries, min(k + 1, self.size), allowed=allowed)
        return (scores[:, 1:], rows[:, 1:]) if k <= self._until else (scores[:, :k], rows[:, :k])


class TestReranking:
    """With the toy matcher."""

    def order(self, generation: Generation, depth: int) -> list[int]:
        """Return the rows in their re-ranked order, from the vectors and the features themselves."""
        count = generation.catalog.image_count
        first = generation.vector_set("toy", "image").vectors(range(count)) @ RED_BLUE.vector
        second = WEIGHT * ToyMatcher().score("red blue", generation.feature_arrays[NAME].features(range(count)))
        before = sorted(range(count), key=lambda row: (-round(float(first[row]), 5), row))
        head = sorted(before[:depth], key=lambda row: (-round(float(first[row] + second[row]), 5), row))
        return [*head, *before[depth:]]

    @pytest.mark.parametrize("depth", [1, 4, 11, 12, 50])
    def test_the_head_is_in_the_matcher_s_order_and_the_others_follow(self, pictures: Generation, depth: int) -> None:
        found = search(pictures, "toy", RED_BLUE, Page(12), reranking=Reranking(ToyMatcher(), "red blue", depth))
        assert found_rows(found) == self.order(pictures, depth)
        for hit in found.hits:
            labels = [label for label, _ in hit.contributions]
            assert labels == (["red blue", f"rerank: {NAME}"] if hit.rank <= depth else ["red blue"])
            assert hit.score == pytest.approx(sum(value for _, value in hit.contributions), abs=1e-9)

    @pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 11])
    @pytest.mark.parametrize("until", [0, 4, 7])
    def test_pages_fit_together_though_an_approximate_index_finds_more_when_asked_for_more(
        self, pictures: Generation, k: int, until: int
    ) -> None:
        forgetful = with_store(pictures, lambda store: Forgetful(store, until))
        reranking = Reranking(ToyMatcher(), "red blue", 4)
        rows: list[int] = []
        offset: int | None = 0
        while offset is not None:
            page = search(forgetful, "toy", RED_BLUE, Page(k, offset), reranking=reranking)
            rows += found_rows(page)
            offset = page.next_offset
        assert sorted(rows) == list(range(12))
        best = search(pictures, "toy", RED_BLUE, Page(1)).hits[0].image.row
        assert (best in rows[:4]) == (until == 0)  # the head is the four that are found when four are asked for

    @pytest.mark.parametrize(("depth", "searches"), [(50, 1), (11, 1), (10, 2), (4, 2)])
    def test_the_store_is_searched_again_only_for_results_beyond_the_head(
        self, pictures: Generation, depth: int, searches: int
    ) -> None:
        asked = []

        class Counting(Forgetful):
            def search(self, queries: Vectors, k: int, *, allowed: Any = None) -> Any:
                asked.append(k)
                return self._store.search(queries, k, allowed=allowed)

        counting = with_store(pictures, lambda store: Counting(store, 0))
        search(counting, "toy", RED_BLUE, Page(10), reranking=Reranking(ToyMatcher(), "red blue", depth))
        assert len(asked) == searches  # for the page and the one result behind it: eleven

    def test_a_page_beyond_the_head_is_not_scored_again(self, pictures: Generation) -> None:
        matcher = ToyMatcher()
        reranking = Reranking(matcher, "red blue", 4)
        for offset, scored in ((4, 0), (9, 0), (3, 1), (0, 2)):
            found = search(pictures, "toy", RED_BLUE, Page(2, offset), reranking=reranking)
            assert len(matcher.scored) == scored
            assert found_rows(found) == self.order(pictures, 4)[offset : offset + 2]

    def test_an_excluded_row_is_neither_in_the_head_nor_behind_it(self, pictures: Generation) -> None:
        reranking = Reranking(ToyMatcher(), "red blue", 4)
        for row in range(12):
            found = search(pictures, "toy", RED_BLUE, Page(12), excluded_row=row, reranking=reranking)
            assert sorted(found_rows(found)) == [other for other in range(12) if other != row]
            assert [len(hit.contributions) for hit in found.hits] == [2] * 4 + [1] * 7

    def test_the_head_has_the_confidence_of_the_matcher_and_the_rest_that_of_the_encoder(
        self, pictures: Generation
    ) -> None:
        reranking = Reranking(ToyMatcher(), "red blue", 4)
        never = replace(CALIBRATION, intercept=-1000.0)
        kinds = {"text-to-image": CALIBRATION, f"text-to-image-{ToyMatcher().card.name}": never}
        plain, re_ranked = (
            search(pictures, "toy", RED_BLUE, Page(12), calibrations=Calibrations(REFERENCE, kinds), reranking=asked)
            for asked in (None, reranking)
        )
        assert {hit.confidence for hit in re_ranked.hits[:4]} == {0}
        assert [hit.confidence for hit in re_ranked.hits[4:]] == [hit.confidence for hit in plain.hits[4:]]

    def test_a_matcher_that_nothing_is_fitted_for_has_no_confidence(self, pictures: Generation) -> None:
        reranking = Reranking(ToyMatcher(), "red blue", 4)
        found = search(pictures, "toy", RED_BLUE, Page(12), calibrations=CALIBRATED, reranking=reranking)
        assert {hit.confidence for hit in found.hits[:4]} == {None}
        assert all(hit.confidence is not None for hit in found.hits[4:])


class TestTimes:
    """What is told of the time is the time, in milliseconds."""

    def test_each_step_is_told_apart(self, pictures: Generation) -> None:
        class SlowStore(Forgetful):
            def search(self, queries: Vectors, k: int, *, allowed: Any = None) -> Any:
                time.sleep(SLEEP_S)
                return self._store.search(queries, k, allowed=allowed)

        class SlowMatcher(ToyMatcher):
            def score(self, text: str, features: Features) -> np.ndarray:
                time.sleep(2 * SLEEP_S)
                return super().score(text, features)

        def sleep(*_event: Any) -> None:
            time.sleep(3 * SLEEP_S)

        slow = with_store(pictures, lambda store: SlowStore(store, 0))
        reranking = Reranking(SlowMatcher(), "red blue", 12)
        sqlalchemy.event.listen(sqlalchemy.Pool, "checkout", sleep)
        started = time.perf_counter()
        try:
            found = search(slow, "toy", RED_BLUE, Page(2), reranking=reranking)
        finally:
            sqlalchemy.event.remove(sqlalchemy.Pool, "checkout", sleep)
        took_ms = (time.perf_counter() - started) * 1e3
        told = (found.search_ms, found.rerank_ms, found.hydrate_ms)
        for step, least in zip(told, (SLEEP_S, 2 * SLEEP_S, 3 * SLEEP_S), strict=True):
            assert least * 1e3 <= step <= took_ms
        assert sum(told) <= took_ms


def test_an_image_is_found_by_id_with_its_vector(generation: Generation) -> None:
    record = generation.catalog.images_at([4])[0]
    assert find_image(generation, record.id) == record
    assert stored_vector(generation, "toy", "image", record.row).tolist() == pytest.approx([0.7, np.sqrt(0.51), 0, 0])


def test_an_unknown_id_is_told_in_short(generation: Generation) -> None:
    with pytest.raises(ImageNotFoundError, match=rf"^There is no image '{'x' * 64}' in this collection\.$"):
        find_image(generation, "x" * 90)
