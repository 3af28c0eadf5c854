"""One search without a server: what ``semblance search`` does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.collections import collection_dir
from indexer.store.generation import open_current
from models.composition import compose
from models.imaging.decode import DecodeLimits, ImageDecoder, InProcessDecoder
from models.library import InstalledModels
from models.protocols import DualEncoder, Matcher
from models.types import Side, Vectors
from service.search.compose import terms_of
from service.search.confidence import calibration_for
from service.search.engine import search
from service.search.query import Query
from service.search.rerank import NO_MATCHER, choose_reranking
from service.serving.generations import check_same_model
from service.serving.matchers import Matchers
from service.settings import Settings


@dataclass(frozen=True)
class Share:
    """What one term of the query adds to a score."""

    term: str
    value: float


@dataclass(frozen=True)
class Line:
    """One result; the contributions sum to the score."""

    rank: int
    score: float
    path: str
    id: str
    caption: str | None
    contributions: tuple[Share, ...]
    confidence: float | None


def search_once(
    settings: Settings, collection: str, query: Query, target: Side, k: int, *, rerank: str | None = None
) -> tuple[list[Line], tuple[str, ...]]:
    """Load a collection and its model, search once, and return the results with the warnings.

    Args:
        settings: see ``docs/settings.md``.
        collection: its name.
        query: what is searched for.
        target: what is to be found.
        k: how many results.
        rerank: name of a matcher, ``none``, or None for the setting's choice.

    Raises:
        SemblanceError: whatever is wrong with the collection, the model or the query.
    """
    with open_current(collection_dir(settings.data_dir, collection)) as generation:
        model = settings.model or generation.models[0]
        images = generation.vector_set(model, "image")
        library = InstalledModels(settings.execution)
        encoder = library.encoder(model)
        check_same_model(images, encoder.card)
        matchers: dict[str, Matcher] = {}
        if (rerank or settings.rerank) != NO_MATCHER:  # they are slow to load
            matchers = Matchers(library).fitting(generation, model)
        reranking = choose_reranking(rerank, settings.rerank, matchers, query, target, settings.rerank_depth)
        decoder = InProcessDecoder(DecodeLimits(settings.max_pixels))
        source = None if query.image is None else _image_vector(encoder, query.image, decoder)
        composed = compose(terms_of(query, list(encoder.encode_texts(query.words)), source))
        calibration = calibration_for(encoder.card, query, target)
        found = search(generation, model, composed, k=k, target=target, reranking=reranking, calibration=calibration)
        lines = [
            Line(
                rank=hit.rank,
                score=hit.score,
                path=_printable(generation.catalog.original_paths(hit.image.id)[0]),
                id=hit.id,
                caption=hit.caption,
                contributions=tuple(Share(*part) for part in hit.contributions),
                confidence=hit.confidence,
            )
            for hit in found.hits
        ]
        return lines, found.warnings


def _image_vector(encoder: DualEncoder, image: bytes, decoder: ImageDecoder) -> Vectors:
    photograph = decoder.decode(image, shrink_to=encoder.card.preprocessing.size)
    return np.asarray(encoder.encode_images(encoder.prepare(photograph.pixels)[None])[0])


def _printable(path: Path) -> str:
    """Return a path as text; a file name need not be text in any encoding."""
    return os.fsencode(path).decode(errors="replace")
