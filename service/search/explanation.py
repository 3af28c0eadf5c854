"""A query and one result of it, put together for the method that explains the result's score."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from indexer.catalog.base import CaptionRecord, ImageRecord
from indexer.store.generation import Generation
from models.composition import Term, compose
from models.evidence import ImageRole
from models.protocols import Match, SeenImage
from models.types import Vectors
from service.search.engine import stored_vector


def match_of(
    generation: Generation,
    model: str,
    record: ImageRecord,
    terms: Sequence[Term],
    images: Mapping[ImageRole, SeenImage],
    encode_texts: Callable[[Sequence[str]], Vectors],
    matchers: Iterable[str],
) -> Match:
    """Return the match of a query and an image of a generation.

    Args:
        generation: pinned by the caller.
        model: whose vectors are compared.
        record: the catalog's entry of the image.
        terms: of the query.
        images: that the method looks at.
        encode_texts: of the model.
        matchers: names of the model's matchers that the generation holds features for.

    Raises:
        QueryError: the terms cancel each other out.
    """
    arrays = generation.feature_arrays
    return Match(
        query=compose(terms),
        vector=stored_vector(generation, model, "image", record.row),
        images=images,
        encode_texts=encode_texts,
        features={name: arrays[name].features([record.row])[0] for name in matchers},
    )


def caption_match_of(
    generation: Generation,
    model: str,
    record: CaptionRecord,
    terms: Sequence[Term],
    images: Mapping[ImageRole, SeenImage],
    encode_texts: Callable[[Sequence[str]], Vectors],
) -> Match:
    """Return the match of a query and a caption; as ``match_of``, with that image alone which the query has."""
    vector = stored_vector(generation, model, "text", record.row)
    return Match(query=compose(terms), vector=vector, images=images, encode_texts=encode_texts)
