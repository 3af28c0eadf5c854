"""One search without a server: what ``semblance search`` does."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from indexer.collections import collection_dir
from indexer.store.generation import open_current
from models.imaging.decode import DecodeLimits, ImageDecoder, InProcessDecoder
from models.inference.cache_folder import cache_folder
from models.library import InstalledModels
from models.protocols import DualEncoder, Matcher
from models.types import Side
from service.search.plan import EncodedQuery, plan_search, prepare_image
from service.search.query import Page, Query
from service.search.rerank import NO_MATCHER, RerankChoice
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
    settings: Settings, collection: str, query: Query, target: Side, page: Page, *, rerank: str | None = None
) -> tuple[list[Line], tuple[str, ...]]:
    """Load a collection and its model, search once, and return the results with the warnings.

    Args:
        settings: see ``docs/settings.md``.
        collection: its name.
        query: what is searched for.
        target: what is to be found.
        page: which of the results are wanted.
        rerank: name of a matcher, ``none``, or None for the setting's default.

    Raises:
        SemblanceError: whatever is wrong with the collection, the model or the query.
    """
    choice = RerankChoice(rerank, settings.rerank, settings.rerank_depth)
    with open_current(collection_dir(settings.data_dir, collection)) as generation:
        model = settings.model or generation.models[0]
        images = generation.vector_set(model, "image")
        library = InstalledModels(settings.execution, cache_folder(settings.cache_dir))
        encoder = library.encoder(model)
        check_same_model(images, encoder.card)
        matchers: dict[str, Matcher] = {}
        if choice.name != NO_MATCHER:  # they are slow to load
            matchers = Matchers(library).fitting(generation, model)
        plan = plan_search(generation, encoder.card, matchers, query, target=target, page=page, rerank=choice)
        found = plan.run(_encode(query, encoder, InProcessDecoder(DecodeLimits(settings.max_pixels))))
        lines = [
            Line(
                rank=hit.rank,
                score=hit.score,
                path=_printable(generation.catalog.original_keys(hit.image.id)[0]),
                id=hit.id,
                caption=hit.caption,
                contributions=tuple(Share(*part) for part in hit.contributions),
                confidence=hit.confidence,
            )
            for hit in found.hits
        ]
        return lines, found.warnings


def _encode(query: Query, encoder: DualEncoder, decoder: ImageDecoder) -> EncodedQuery:
    """Encode a query's words and its image file, one after the other."""
    prepared = [prepare_image(content, encoder, decoder)[np.newaxis] for content in query.image_files]
    return EncodedQuery(
        query,
        words=list(encoder.encode_texts(query.words)),
        images=[encoder.encode_images(image)[0] for image in prepared],
    )


def _printable(key: str) -> str:
    """Return a file's key as text that prints: a file name need not be text in any encoding."""
    return os.fsencode(key).decode(errors="replace")
