"""Explaining a score without a server: what ``semblance explain`` does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from indexer.collections import collection_dir
from indexer.store.generation import Generation, open_current
from models.composition import Term, compose
from models.errors import ExplainMethodError, InputError
from models.evidence import Evidence
from models.explain.words import encode_left_of
from models.imaging.decode_pool import DecoderPool
from models.imaging.overlay import overlay_png
from models.inference.cache_folder import cache_folder
from models.library import InstalledModels
from models.names import DEFAULT_MODEL
from models.protocols import DualEncoder, Match, SeenImage
from models.types import Vectors
from service.offline import choose_collection
from service.search.engine import find_image, stored_vector
from service.search.grammar import parse_query
from service.search.query import Query
from service.security.paths import read_original
from service.settings import Settings


@dataclass(frozen=True)
class Explained:
    """An explanation, and its picture.

    Attributes:
        method: by which.
        evidence: why the image has its score.
        png: the photograph, painted.
    """

    method: str
    evidence: Evidence
    png: bytes


def explain_offline(
    settings: Settings, image: str, words: str, modifiers: Sequence[str], collection: str | None, method: str | None
) -> Explained:
    """Explain why a photograph has its score for a sentence.

    Args:
        settings: see ``docs/settings.md``.
        image: a file, or the id of an image of a collection.
        words: the sentence, with signed words.
        modifiers: more of them.
        collection: the name of the collection that an id is of; None for the only or the default one.
        method: by name; None for the model's default.

    Raises:
        SemblanceError: whatever is wrong with the image, the collection, the query or the method.
    """
    with ExitStack() as stack:
        decoder = DecoderPool(1, settings.decode_limits)
        stack.callback(decoder.close)
        generation = None
        if not Path(image).is_file():
            name, _ = choose_collection(settings, [], collection, steered=True)
            generation = open_current(collection_dir(settings.data_dir, name), features=False)
            stack.callback(generation.close)
        model = settings.model or (DEFAULT_MODEL if generation is None else generation.models[0])
        library = InstalledModels(settings.execution, cache_folder(settings.cache_dir), data_dir=settings.data_dir)
        fitting = library.explain_methods(model)
        chosen = method or fitting[0]
        if chosen not in fitting:
            raise ExplainMethodError(chosen, model, fitting)
        encoder = library.encoder(model)
        query = Query(*parse_query(words, modifiers, settings.query_limits))
        photograph = decoder.decode(_content(image, generation), shrink_to=settings.overlay_side_px)
        region = encoder.card.preprocessing.visible_region(photograph.width, photograph.height)
        seen = SeenImage(encoder.prepare(photograph.pixels), region)
        match = Match(
            compose(_terms(query, encoder)),
            _vector(image, seen, generation, encoder),
            {"result": seen},
            encoder.encode_texts,
            encode_left=encode_left_of(encoder),
        )
        evidence = library.explainer(model, chosen).explain(match)
        png = overlay_png(photograph, evidence.strength(), evidence.whole().region, settings.overlay_side_px)
        return Explained(chosen, evidence, png)


def _content(image: str, generation: Generation | None) -> bytes:
    if generation is not None:
        find_image(generation, image)
        return read_original(generation, image)
    try:
        return Path(image).read_bytes()
    except OSError as error:
        raise InputError(f"{image} cannot be read: {error.strerror or error}") from error


def _vector(image: str, seen: SeenImage, generation: Generation | None, encoder: DualEncoder) -> Vectors:
    """Return the vector that a search compares: the collection's own, or of a file, what it would be."""
    if generation is None:
        vector: Vectors = encoder.encode_images(seen.pixels[None])[0]
        return vector
    return stored_vector(generation, encoder.card.name, "image", find_image(generation, image).row)


def _terms(query: Query, encoder: DualEncoder) -> list[Term]:
    vectors = encoder.encode_texts(query.words)
    return [Term(part.label, vector, part.weight, part.text) for part, vector in zip(query.parts, vectors, strict=True)]
