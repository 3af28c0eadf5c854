"""Search over one pinned generation: candidates from its vector store, exact scores, a new order, catalog entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.repository import ImageRecord
from indexer.store.base import VectorSet
from indexer.store.generation import Generation
from models.calibration import BEST, Calibration
from models.composition import ComposedQuery
from models.errors import InputError, QueryError
from models.types import Side, Vectors
from service.search.confidence import judge
from service.search.rerank import Reranking


class ImageNotFoundError(InputError):
    """The collection has no image of that id."""


@dataclass(frozen=True)
class Hit:
    """One result.

    Attributes:
        id: of the image, or of the caption where captions are searched.
        caption: the caption itself, or the image's first one, or None.
        image: the image, or the first one that the caption describes.
        rank: from 1, earlier pages included.
        score: exact; the sum of the contributions.
        contributions: ``(label, value)`` of each term of the query, and of the matcher where it re-ranked the result.
        confidence: the probability that it is relevant; None where that is not calibrated.
    """

    id: str
    caption: str | None
    image: ImageRecord
    rank: int
    score: float
    contributions: tuple[tuple[str, float], ...]
    confidence: float | None = None


@dataclass(frozen=True)
class Found:
    """A page of results; ``next_offset`` is None on the last one."""

    hits: tuple[Hit, ...]
    next_offset: int | None
    search_ms: float = 0.0
    rerank_ms: float = 0.0
    hydrate_ms: float = 0.0
    warnings: tuple[str, ...] = ()


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
    *,
    k: int,
    offset: int = 0,
    target: Side = "image",
    exclude_id: str | None = None,
    reranking: Reranking | None = None,
    calibration: Calibration | None = None,
) -> Found:
    """Return results ``offset`` to ``offset + k`` of a query, best first.

    Results beyond the re-ranked ones keep the order and the score that they have without re-ranking.

    Args:
        generation: pinned by the caller for as long as this runs.
        model: whose vectors are searched; the query is of its space.
        query: the composed query.
        k: how many results.
        offset: how many better ones to pass over.
        target: ``image`` finds photographs, ``text`` the collection's captions.
        exclude_id: an image that is not to be among the results ("more like this" does not want itself).
        reranking: how to re-order the best; the generation holds its matcher's features.
        calibration: of this kind of query and target; without it there is no confidence.

    Raises:
        ImageNotFoundError: the image to exclude does not exist.
    """
    if target == "text" and not generation.catalog.caption_count:
        return Found((), None, warnings=("This collection has no captions, so there is no text to find.",))
    started = perf_counter()
    excluded = find_image(generation, exclude_id).row if exclude_id is not None and target == "image" else None
    vectors, wanted = generation.vector_set(model, target), max(offset + k + 1, BEST)
    if reranking is None:
        rankings = [_rank(vectors, query, wanted, excluded)]
    else:
        rankings = _head_and_tail(vectors, query, wanted, excluded, reranking.depth)
    scores = np.concatenate([ranking.scores for ranking in rankings])
    confidences, warnings = judge(calibration, vectors, query.vector, scores)
    searched = reranked = perf_counter()
    if reranking is not None:
        confidences = [None] * len(confidences)  # they are fitted to the encoder's scores and order
        if offset < reranking.depth:
            rankings[0] = _rerank(generation, query, rankings[0], reranking)
        reranked = perf_counter()
    lines = [line for ranking in rankings for line in ranking.lines()]
    page = lines[offset : offset + k]
    entries = _entries(generation, target, [row for row, _, _ in page])
    hits = tuple(
        Hit(*entry, rank, score, shares, confidences[rank - 1])
        for rank, (entry, (_, score, shares)) in enumerate(zip(entries, page, strict=True), offset + 1)
    )
    next_offset = offset + k if len(lines) > offset + k else None
    return Found(
        hits,
        next_offset,
        search_ms=(searched - started) * 1e3,
        rerank_ms=(reranked - searched) * 1e3,
        hydrate_ms=(perf_counter() - reranked) * 1e3,
        warnings=warnings,
    )


def find_image(generation: Generation, image_id: str) -> ImageRecord:
    """Return the catalog's entry of an image.

    Raises:
        ImageNotFoundError: the collection has none of that id.
    """
    record = generation.catalog.image(image_id)
    if record is None:
        raise ImageNotFoundError(f"There is no image {image_id[:64]!r} in this collection.")
    return record


def image_vector(generation: Generation, model: str, record: ImageRecord) -> Vectors:
    """Return the stored vector ``(D,)`` of an image."""
    return np.asarray(generation.vector_set(model, "image").vectors([record.row])[0])


def unit_embedding(values: Sequence[float], dimension: int) -> Vectors:
    """Turn a caller's numbers into a unit vector ``(D,)``.

    Raises:
        QueryError: not ``dimension`` numbers, not finite, or all zero.
    """
    if len(values) != dimension:
        raise QueryError(f"The embedding has {len(values)} numbers: this collection's model has {dimension}.")
    vector = np.array(values, dtype=np.float64)
    length = np.linalg.norm(vector)
    if not np.isfinite(length) or length == 0:
        raise QueryError("The embedding must be finite numbers that are not all zero.")
    return np.ascontiguousarray(vector / length, dtype=np.float32)


def _entries(generation: Generation, target: Side, rows: list[int]) -> list[tuple[str, str | None, ImageRecord]]:
    """Return the id, the caption and the image of each row."""
    if target == "image":
        images = generation.catalog.images_at(rows)
        return [(image.id, image.captions[0] if image.captions else None, image) for image in images]
    captions = generation.catalog.captions_at(rows)
    return [(caption.id, caption.text, find_image(generation, caption.image_ids[0])) for caption in captions]


def _rank(vector_set: VectorSet, query: ComposedQuery, wanted: int, excluded: int | None) -> _Ranking:
    """Return the ``wanted`` best rows with the exact share of each term; equal scores go by row."""
    count = wanted + (excluded is not None)
    _, found = vector_set.store.search(query.vector[np.newaxis], min(count, vector_set.store.size))
    rows = found[0][found[0] >= 0]
    if excluded is not None:
        rows = rows[rows != excluded]
    contributions = query.contributions(vector_set.vectors(rows.tolist()))
    scores = query.scores(contributions)
    order = np.lexsort((rows, -scores))[:wanted]
    return _Ranking(rows[order], scores[order], contributions[order], query.labels)


def _head_and_tail(
    vector_set: VectorSet, query: ComposedQuery, wanted: int, excluded: int | None, depth: int
) -> list[_Ranking]:
    """Return the ``depth`` best rows, and the rows that follow them up to ``wanted``.

    An approximate index may find others when it is asked for more; the head is asked for alone, so that it is the same
    on every page and pages have neither gaps nor doubles.
    """
    head = _rank(vector_set, query, depth, excluded)
    if wanted <= depth:
        return [head]
    more = _rank(vector_set, query, wanted, excluded)
    rest = ~np.isin(more.rows, head.rows)
    return [head, _Ranking(more.rows[rest], more.scores[rest], more.contributions[rest], more.labels)]


def _rerank(generation: Generation, query: ComposedQuery, head: _Ranking, reranking: Reranking) -> _Ranking:
    """Return the same rows in their new order; equal scores go by row."""
    features = generation.feature_arrays[reranking.matcher.card.name].features(head.rows.tolist())
    contributions = np.column_stack([head.contributions, reranking.contributions(features)])
    scores = query.scores(contributions)
    order = np.lexsort((head.rows, -scores))
    return _Ranking(head.rows[order], scores[order], contributions[order], (*head.labels, reranking.label))
