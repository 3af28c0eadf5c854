"""A search from its query to its results, the same for the service and for the command line.

An encoder is the one thing that a plan does not call: the service batches the texts of many requests and decodes images
in threads, the command line does one after the other. A caller therefore encodes ``query.words`` and
``query.image_files`` in its own way, and gives the vectors to ``SearchPlan.run``, which does everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexer.errors import ModelMismatchError
from indexer.store.generation import Generation
from models.cards import EncoderCard
from models.composition import Term, compose
from models.errors import QueryError
from models.imaging.decode import ImageDecoder
from models.protocols import DualEncoder, Matcher
from models.types import Pixels, Side, Vectors
from service.search.confidence import kind_of_search
from service.search.engine import Found, find_image, search, stored_vector
from service.search.notices import NO_LIKELY_MATCH, query_cut, unknown_words
from service.search.query import CollectionImage, Embedding, ImageFile, Modifier, Page, Query, Sentence
from service.search.rerank import RerankChoice, Reranking, choose_reranking


@dataclass(frozen=True)
class EncodedQuery:
    """A query with the vectors that only an encoder can make.

    Attributes:
        query: what is searched for.
        words: a vector ``(D,)`` for each of ``query.words``.
        images: a vector ``(D,)`` for each of ``query.image_files``.
        words_read: how many words of its sentence were read before it was cut; None where all were.
    """

    query: Query
    words: Sequence[Vectors]
    images: Sequence[Vectors]
    words_read: int | None = None


@dataclass(frozen=True)
class ResolvedQuery:
    """A query of which every part has its vector.

    Attributes:
        terms: of the parts, in their order.
        row: of the image of the collection that is searched by; None where the source is something else.
    """

    terms: tuple[Term, ...]
    row: int | None


@dataclass(frozen=True)
class SearchPlan:
    """A search of which everything is decided.

    Attributes:
        generation: pinned by the caller until ``run`` has returned.
        card: of the model whose vectors are searched.
        query: what is searched for.
        target: ``image`` finds photographs, ``text`` the collection's captions.
        page: which of the results are wanted.
        reranking: how the best candidates are re-ranked, if they are.
    """

    generation: Generation
    card: EncoderCard
    query: Query
    target: Side
    page: Page
    reranking: Reranking | None

    def run(self, encoded: EncodedQuery) -> Found:
        """Return the page of results.

        Args:
            encoded: the plan's query, encoded by the model of ``card``.

        Raises:
            ImageNotFoundError: the query is by an image that the collection does not hold.
            QueryError: an embedding does not fit the model, or the terms cancel each other out.
        """
        resolved = resolve(encoded, self.generation, self.card.name)
        found = search(
            self.generation,
            self.card.name,
            compose(resolved.terms),
            self.page,
            target=self.target,
            excluded_row=resolved.row if self.target == "image" else None,
            reranking=self.reranking,
            calibrations=self.card.calibrations,
            kind=kind_of_search(self.query, self.target),
        )
        notices = list(found.notices)
        if encoded.words_read is not None:
            notices.append(query_cut(encoded.words_read))
        if self.query.unknown and (NO_LIKELY_MATCH in notices or self.query.is_foreign):
            notices.append(unknown_words(self.query.unknown))
        return replace(found, notices=tuple(notices))


def plan_search(
    generation: Generation,
    card: EncoderCard,
    matchers: Mapping[str, Matcher],
    query: Query,
    *,
    target: Side,
    page: Page,
    rerank: RerankChoice,
) -> SearchPlan:
    """Decide how to search; nothing is encoded or read before all of it is known to fit.

    Args:
        generation: what is searched.
        card: of the model that answers.
        matchers: those that can re-rank its results in this generation, by name.
        query: what is searched for.
        target: ``image`` finds photographs, ``text`` the collection's captions.
        page: which of the results are wanted.
        rerank: the matcher that is asked for.

    Raises:
        QueryError: that matcher does not fit.
        ModelMismatchError: captions are wanted whose vectors are not the model's any more.
    """
    check_same_model(generation, card, target)
    return SearchPlan(generation, card, query, target, page, choose_reranking(rerank, matchers, query, target))


def check_same_model(generation: Generation, card: EncoderCard, side: Side) -> None:
    """Refuse vectors of another model of the same name: of other weights, or that read its input in another way.

    Images outlive a change of how sentences are read, captions do not.

    Raises:
        ModelMismatchError: the vectors of that side are not comparable with the model's.
    """
    vectors = generation.vector_set(card.name, side)
    if vectors.store.size and vectors.identity != card.identity_of(side):
        command = f"semblance index --again {generation.manifest.collection}"
        raise ModelMismatchError([str(vectors.identity)], str(card.identity_of(side)), command)


def prepare_image(content: bytes, encoder: DualEncoder, decoder: ImageDecoder) -> Pixels:
    """Decode an image file to the encoder's input ``(S, S, 3)``.

    Raises:
        ImageError: it is not an image that can be decoded, or too large.
    """
    return encoder.prepare(decoder.decode(content, shrink_to=encoder.card.preprocessing.size).pixels)


def resolve(encoded: EncodedQuery, generation: Generation, model: str) -> ResolvedQuery:
    """Give every part of a query its vector: encoded, stored in the generation, or the caller's own.

    Raises:
        ImageNotFoundError: the query is by an image that the generation does not hold.
        QueryError: an embedding is not one of the model's space.
    """
    words, images, row = iter(encoded.words), iter(encoded.images), None
    terms = []
    for part in encoded.query.parts:
        match part:
            case Sentence() | Modifier():
                vector = next(words)
            case ImageFile():
                vector = next(images)
            case CollectionImage():
                record = find_image(generation, part.id)
                row, vector = record.row, stored_vector(generation, model, "image", record.row)
            case Embedding():
                vector = unit_embedding(part.values, generation.vector_set(model, "image").dimension)
        terms.append(Term(part.label, vector, part.weight, part.text))
    return ResolvedQuery(tuple(terms), row)


def words_read(query: Query, encoder: DualEncoder) -> int | None:
    """Return how many words of a query's sentence an encoder reads, None where it reads all of it, or there is none."""
    return encoder.words_read(query.source.text) if isinstance(query.source, Sentence) else None


def unit_embedding(values: Sequence[float], dimension: int) -> Vectors:
    """Scale a caller's numbers to a unit vector ``(D,)``.

    Raises:
        QueryError: there are not ``dimension`` numbers, one is not finite, or all are zero.
    """
    if len(values) != dimension:
        raise QueryError(f"The embedding has {len(values)} numbers: this collection's model has {dimension}.")
    vector = np.array(values, dtype=np.float64)
    length = np.linalg.norm(vector)
    if not np.isfinite(length) or length == 0:
        raise QueryError("The embedding must be finite numbers that are not all zero.")
    return np.ascontiguousarray(vector / length, dtype=np.float32)
