"""Search over one pinned generation: candidates from its vector store, exact scores, catalog entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.repository import ImageRecord
from indexer.store.base import VectorSet
from indexer.store.generation import Generation
from models.errors import InputError, QueryError
from models.types import Side, Vectors
from service.search.compose import ComposedQuery


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
        contributions: of each term of the query.
    """

    id: str
    caption: str | None
    image: ImageRecord
    rank: int
    score: float
    contributions: tuple[float, ...]


@dataclass(frozen=True)
class Found:
    """A page of results; ``next_offset`` is None on the last one."""

    hits: tuple[Hit, ...]
    next_offset: int | None
    search_ms: float = 0.0
    hydrate_ms: float = 0.0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Ranking:
    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    contributions: NDArray[np.float64]


def search(
    generation: Generation,
    model: str,
    query: ComposedQuery,
    *,
    k: int,
    offset: int = 0,
    target: Side = "image",
    exclude_id: str | None = None,
) -> Found:
    """Return results ``offset`` to ``offset + k`` of a query, best first.

    Args:
        generation: pinned by the caller for as long as this runs.
        model: whose vectors are searched; the query is of its space.
        query: the composed query.
        k: how many results.
        offset: how many better ones to pass over.
        target: ``image`` finds photographs, ``text`` the collection's captions.
        exclude_id: an image that is not to be among the results ("more like this" does not want itself).

    Raises:
        ImageNotFoundError: the image to exclude does not exist.
    """
    if target == "text" and not generation.catalog.caption_count:
        return Found((), None, warnings=("This collection has no captions, so there is no text to find.",))
    started = perf_counter()
    excluded = find_image(generation, exclude_id).row if exclude_id is not None and target == "image" else None
    ranking = _rank(generation.vector_set(model, target), query, offset + k + 1, excluded)
    page = slice(offset, offset + k)
    searched = perf_counter()
    entries = _entries(generation, target, ranking.rows[page].tolist())
    hits = tuple(
        Hit(*entry, rank, score, tuple(shares))
        for rank, (entry, score, shares) in enumerate(
            zip(entries, ranking.scores[page].tolist(), ranking.contributions[page].tolist(), strict=True), offset + 1
        )
    )
    next_offset = offset + k if len(ranking.rows) > offset + k else None
    return Found(hits, next_offset, (searched - started) * 1e3, (perf_counter() - searched) * 1e3)


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
    return _Ranking(rows[order], scores[order], contributions[order])
