"""One search without a server: what ``semblance search`` does."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from models.imaging.decode import decode_image
from models.registry import load_encoder as load_registered_encoder
from models.types import DualEncoder, Side
from service.runtime.encoder import Encoders
from service.runtime.generations import Generations
from service.search.compose import compose, terms_of
from service.search.engine import search
from service.search.query import Query
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


def search_once(
    settings: Settings,
    collection: str,
    query: Query,
    target: Side,
    k: int,
    load_encoder: Callable[[str], DualEncoder] | None = None,
) -> tuple[list[Line], tuple[str, ...]]:
    """Load a collection and its model, search once, and return the results with the warnings.

    Raises:
        SemblanceError: whatever is wrong with the collection, the model or the query.
    """
    load_encoder = load_encoder or partial(
        load_registered_encoder, runtime=settings.runtime, device=settings.device, threads=settings.encoder_threads
    )
    encoders = Encoders(load_encoder, max_batch=settings.max_batch)
    generations = Generations(settings.data_dir, encoders.get, model=settings.model)
    try:
        generations.reload(collection)
        with generations.pin(collection) as serving:
            encoder = serving.encoder.encoder
            source = None
            if query.image is not None:
                shrink_to = encoder.card.preprocessing.size
                photograph = decode_image(query.image, max_pixels=settings.max_pixels, shrink_to=shrink_to)
                source = encoder.encode_images(encoder.prepare(photograph.pixels)[None])[0]
            composed = compose(terms_of(query, list(encoder.encode_texts(query.words)), source))
            found = search(serving.generation, serving.model, composed, k=k, target=target)
            lines = [
                Line(
                    rank=hit.rank,
                    score=hit.score,
                    path=_printable(serving.generation.catalog.original_paths(hit.image.id)[0]),
                    id=hit.id,
                    caption=hit.caption,
                    contributions=tuple(map(Share, composed.labels, hit.contributions)),
                )
                for hit in found.hits
            ]
            return lines, found.warnings
    finally:
        generations.close()
        encoders.close()


def _printable(path: Path) -> str:
    """Return a path as text; a file name need not be text in any encoding."""
    return os.fsencode(path).decode(errors="replace")
