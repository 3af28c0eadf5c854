"""Search in one generation: candidates of the vector store, exact scores, re-ranking, catalog entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.base import CaptionRecord, ImageRecord
from indexer.store.arrays import VectorSet
from indexer.store.generation import Generation
from models.calibration import Calibrations
from models.composition import ComposedQuery
from models.errors import InputError
from models.reranking import rerank_head
from models.types import Side, Vectors
from service.search.confidence import Strength, judge, nothing_matches, reranked_kind
from service.search.notices import NO_CAPTIONS, NO_LIKELY_MATCH, Notice
from service.search.query import Page, Position
from service.search.rerank import Reranking

_ROWS_AT_ONCE = 65_536
_LEAST = 10
"""So many rows are searched for at least: an approximate index finds the very best by looking for some."""
_ROUGH = 1e-5
"""More than float32 and the rounding of scores can move one."""


class ImageNotFoundError(InputError):
    """The collection has no image of that id."""


class CaptionNotFoundError(InputError):
    """The collection has no caption of that id."""


@dataclass(frozen=True)
class Hit:
    """One result.

    Attributes:
        id: of the image, or of the caption where captions are searched.
        caption: the caption that was found, or the first one of the image that was found, or None where it has none.
        image: the image that was found, or the first one that the caption describes.
        rank: from 1, counted over all pages.
        score: the sum of the contributions.
        contributions: ``(label, value)`` of each term of the query, and of the matcher where it re-ranked the result.
        confidence: the probability that the result shows what was asked; None where that is not calibrated.
        strength: the same in a word.
    """

    id: str
    caption: str | None
    image: ImageRecord
    rank: int
    score: float
    contributions: tuple[tuple[str, float], ...]
    confidence: float | None
    strength: Strength


@dataclass(frozen=True)
class Found:
    """A page of results.

    Attributes:
        hits: best first.
        next_offset: of the next page; None on the last one.
        last: where the page ends, for the page after it; None on the last one, and where a matcher made the order.
        total: how many results there are.
        search_ms: milliseconds that finding and scoring candidates took.
        rerank_ms: the same of re-ranking them.
        hydrate_ms: the same of reading what the catalog knows of the results.
        notices: for the person who searches.
    """

    hits: tuple[Hit, ...]
    next_offset: int | None
    last: Position | None = None
    total: int = 0
    search_ms: float = 0.0
    rerank_ms: float = 0.0
    hydrate_ms: float = 0.0
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class _Ranking:
    """N rows, best first, with the shares ``(N, T)`` of each label in each score."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    contributions: NDArray[np.float64]
    labels: tuple[str, ...]

    def lines(self) -> Iterator[tuple[int, float, tuple[tuple[str, float], ...]]]:
        """Yield the row, the score and the named contributions of each result."""
        for row, score, shares in zip(
            self.rows.tolist(), self.scores.tolist(), self.contributions.tolist(), strict=True
        ):
            yield row, score, tuple(zip(self.labels, shares, strict=True))


def search(
    generation: Generation,
    model: str,
    query: ComposedQuery,
    page: Page,
    *,
    target: Side = "image",
    excluded_row: int | None = None,
    reranking: Reranking | None = None,
    calibrations: Calibrations | None = None,
    kind: str = "text-to-image",
) -> Found:
    """Return a page of a query's results, best first.

    Results beyond the re-ranked ones keep the order and the score that they have without re-ranking.

    Args:
        generation: pinned by the caller until this has returned.
        model: whose vectors are searched; the query is of its space.
        query: the composed query.
        page: which of the results are wanted.
        target: ``image`` finds photographs, ``text`` the collection's captions.
        excluded_row: a row of the searched set that is not to be found: an image is no result for itself.
        reranking: how the best candidates are re-ranked; the generation holds its matcher's features.
        calibrations: of the model; without one of this kind of search there is no confidence.
        kind: of the search.
    """
    if target == "text" and not generation.catalog.caption_count:
        return Found((), None, notices=(NO_CAPTIONS,))
    started = perf_counter()
    vectors, wanted = generation.vector_set(model, target), max(page.end + 1, _LEAST)
    first: list[_Ranking] = []  # what is best of all, where that is not on the page
    if page.after is not None:
        first = [_rank(vectors, query, _LEAST, excluded_row)]
        rankings = [_rank_after(vectors, query, page.k + 1, page.after, excluded_row)]
        offset, before = 0, page.after.rank
    else:
        if reranking is None:
            rankings = [_rank(vectors, query, wanted, excluded_row)]
        else:
            rankings = _head_and_tail(vectors, query, wanted, excluded_row, reranking.depth)
        offset, before = page.offset, page.offset
    searched = reranked = perf_counter()
    kinds = [kind] * len(rankings)
    if reranking is not None and page.after is None:
        if page.offset < reranking.depth:
            rankings[0] = _rerank(generation, query, rankings[0], reranking)
            kinds[0] = reranked_kind(kind, reranking.matcher.card.name)
        reranked = perf_counter()
    judged = [
        judge(calibrations, each, vectors, query.vector, ranking.scores)
        for each, ranking in zip([kind] * len(first) + kinds, [*first, *rankings], strict=True)
    ]
    empty = nothing_matches([confidence for one in judged for confidence in one.confidences])
    said = [pair for one in judged[len(first) :] for pair in zip(one.confidences, one.strengths, strict=True)]
    lines = [line for ranking in rankings for line in ranking.lines()]
    shown = lines[offset : offset + page.k]
    entries = _entries(generation, target, [row for row, _, _ in shown])
    hits = tuple(
        Hit(*entry, before + place + 1, score, shares, *said[offset + place])
        for place, (entry, (_, score, shares)) in enumerate(zip(entries, shown, strict=True))
    )
    is_last = len(lines) <= offset + page.k or not shown
    ordered_by_matcher = reranking is not None and page.after is None and page.end < reranking.depth
    return Found(
        hits,
        None if is_last or page.after is not None else page.end,
        None if is_last or ordered_by_matcher else Position(hits[-1].rank, shown[-1][1], shown[-1][0]),
        total=vectors.store.size - (excluded_row is not None),
        search_ms=(searched - started) * 1e3,
        rerank_ms=(reranked - searched) * 1e3,
        hydrate_ms=(perf_counter() - reranked) * 1e3,
        notices=(NO_LIKELY_MATCH,) if empty else (),
    )


def reranked_contributions(
    generation: Generation, model: str, query: ComposedQuery, row: int, reranking: Reranking
) -> tuple[tuple[str, float], ...] | None:
    """Return ``(label, value)`` of each part of a re-ranked image's score, as ``search`` gives it.

    None where it is not among the best that are re-ranked, and keeps the score that it has without.
    """
    head = _rank(generation.vector_set(model, "image"), query, reranking.depth, None)
    if row not in head.rows:
        return None
    return next(shares for found, _, shares in _rerank(generation, query, head, reranking).lines() if found == row)


def find_image(generation: Generation, image_id: str) -> ImageRecord:
    """Return the catalog's entry of an image.

    Raises:
        ImageNotFoundError: the collection has none of that id.
    """
    record = generation.catalog.image(image_id)
    if record is None:
        raise ImageNotFoundError(f"There is no image {image_id[:64]!r} in this collection.")
    return record


def find_caption(generation: Generation, caption_id: str) -> CaptionRecord:
    """Return the catalog's entry of a caption.

    Raises:
        CaptionNotFoundError: the collection has none of that id.
    """
    record = generation.catalog.caption(caption_id)
    if record is None:
        raise CaptionNotFoundError(f"There is no caption {caption_id[:64]!r} in this collection.")
    return record


def stored_vector(generation: Generation, model: str, side: Side, row: int) -> Vectors:
    """Return the stored vector ``(D,)`` of an image or a caption."""
    return np.asarray(generation.vector_set(model, side).vectors([row])[0])


def _entries(generation: Generation, target: Side, rows: list[int]) -> list[tuple[str, str | None, ImageRecord]]:
    """Return the id, the caption and the image of each row."""
    if target == "image":
        images = generation.catalog.images_at(rows)
        return [(image.id, image.captions[0] if image.captions else None, image) for image in images]
    captions = generation.catalog.captions_at(rows)
    images = generation.catalog.images_with_ids([caption.image_ids[0] for caption in captions])
    return [(caption.id, caption.text, image) for caption, image in zip(captions, images, strict=True)]


def _rank(vector_set: VectorSet, query: ComposedQuery, wanted: int, excluded: int | None) -> _Ranking:
    """Return the ``wanted`` best rows with the exact share of each term; of equal scores the lower row is better."""
    count = wanted + (excluded is not None)
    _, found = vector_set.store.search(query.vector[np.newaxis], min(count, vector_set.store.size))
    rows = found[0][found[0] >= 0]
    if excluded is not None:
        rows = rows[rows != excluded]
    contributions = query.contributions(vector_set.vectors(rows.tolist()))
    scores = query.scores(contributions)
    order = np.lexsort((rows, -scores))[:wanted]
    return _Ranking(rows[order], scores[order], contributions[order], query.labels)


def _rank_after(
    vector_set: VectorSet, query: ComposedQuery, wanted: int, after: Position, excluded: int | None
) -> _Ranking:
    """Return the best rows that follow a position: every row is compared, so that no page costs more than another."""
    matrix = vector_set.matrix
    rough = np.concatenate(
        [
            np.vecdot(matrix[start : start + _ROWS_AT_ONCE], query.vector)
            for start in range(0, len(matrix), _ROWS_AT_ONCE)
        ]
    )
    near = rough <= after.score + _ROUGH
    if excluded is not None:
        near[excluded] = False
    candidates = np.flatnonzero(near)
    enough = wanted + int(np.count_nonzero(rough[candidates] >= after.score - _ROUGH))
    if enough < len(candidates):  # all that may be among them, whatever rounding does to their order
        least = np.partition(rough[candidates], -enough)[-enough] - _ROUGH
        candidates = candidates[rough[candidates] >= least]
    contributions = query.contributions(vector_set.vectors(candidates.tolist()))
    scores = query.scores(contributions)
    follows = (scores < after.score) | ((scores == after.score) & (candidates > after.row))
    rows, scores, contributions = candidates[follows], scores[follows], contributions[follows]
    order = np.lexsort((rows, -scores))[:wanted]
    return _Ranking(rows[order], scores[order], contributions[order], query.labels)


def _head_and_tail(
    vector_set: VectorSet, query: ComposedQuery, wanted: int, excluded: int | None, depth: int
) -> list[_Ranking]:
    """Return the ``depth`` best rows, and the rows that follow them up to ``wanted``.

    Asked for more rows, an approximate index may find other ones; the head is searched for by itself, so that every
    page sees the same head, and no result is missing from the pages or on two of them.
    """
    head = _rank(vector_set, query, depth, excluded)
    if wanted <= depth:
        return [head]
    more = _rank(vector_set, query, wanted, excluded)
    rest = ~np.isin(more.rows, head.rows)
    return [head, _Ranking(more.rows[rest], more.scores[rest], more.contributions[rest], more.labels)]


def _rerank(generation: Generation, query: ComposedQuery, head: _Ranking, reranking: Reranking) -> _Ranking:
    """Return the same rows in their new order; of equal scores the lower row is better."""
    by_row = np.argsort(head.rows)
    rows = head.rows[by_row]
    features = generation.feature_arrays[reranking.matcher.card.name].features(rows.tolist())
    contributions = np.column_stack([head.contributions[by_row], reranking.contributions(features)])
    new_scores = query.scores(contributions)
    order, _ = rerank_head(head.scores[by_row], lambda indices: new_scores[indices], reranking.depth)
    return _Ranking(rows[order], new_scores[order], contributions[order], (*head.labels, reranking.label))
