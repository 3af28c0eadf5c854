"""Answers queries on the event loop: pin a generation, encode in batches, search or explain in a thread.

A search wakes as few threads as it can, for each wake-up takes time of its own: the thread that encodes a query
searches with it, too, unless others wait to be encoded, or finding takes long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

from models.errors import SemblanceError
from models.imaging.decode_pool import DecoderPool
from models.protocols import DualEncoder
from models.types import Pixels, Side, Vectors
from service.search.engine import Found
from service.search.plan import EncodedQuery, plan_search, words_read
from service.search.query import Page, Query
from service.search.rerank import NO_MATCHER, RerankChoice, Reranking, choose_reranking
from service.serving.admission import Bounds
from service.serving.captions import CaptionRequest, Captions, WrittenCaption
from service.serving.encoder import Encoded
from service.serving.explanations import ExplainRequest, Explanation, Explanations
from service.serving.generations import Generations, ServedGeneration
from service.serving.threads import result_of, run_in

T = TypeVar("T")


class StaleCursorError(SemblanceError):
    """The collection has another generation now than when the page before was answered."""


@dataclass(frozen=True)
class SearchRequest:
    """A search, and which page of its results is wanted.

    Attributes:
        query: what is searched for.
        collection: its name; None for the only or the default one.
        target: what is to be found.
        page: which of the results are wanted.
        model: that answers; None for the default one.
        rerank: name of a matcher, ``none``, or None for the default.
        caption: the caption that is to be written beside the results, if any.
        generation: number of the one that the page before was of, where this is one that follows.
    """

    query: Query
    collection: str | None
    target: Side
    page: Page
    model: str | None = None
    rerank: str | None = None
    caption: CaptionRequest | None = None
    generation: int | None = None


@dataclass(frozen=True)
class SearchAnswer:
    """What a search found, in which generation, and the captions that were written for it."""

    served: ServedGeneration
    found: Found
    encode_ms: float
    captions: tuple[WrittenCaption, ...] = ()
    caption_ms: float = 0.0


class Queries:
    """Answers queries; called on the event loop, works in threads.

    Args:
        generations: the collections in service.
        explanations: explains matches.
        captions: writes captions.
        bounds: limit how many requests of each kind run or wait.
        threads: that prepare query images.
        decoder: decodes query images.
        rerank: the matcher for requests that name none, where it fits; or ``none``.
        rerank_depth: how many of the best results are re-ranked.
    """

    def __init__(
        self,
        generations: Generations,
        explanations: Explanations,
        captions: Captions,
        bounds: Bounds,
        *,
        threads: Executor,
        decoder: DecoderPool,
        rerank: str = NO_MATCHER,
        rerank_depth: int = 50,
    ) -> None:
        self._generations = generations
        self._explanations = explanations
        self._captions = captions
        self._bounds = bounds
        self._decoder = decoder
        self._rerank, self._rerank_depth = rerank, rerank_depth
        self._threads = threads

    async def search(self, asked: SearchRequest) -> SearchAnswer:
        """Find what a query means; an image of the collection does not find itself.

        Raises:
            SemblanceError: the query, the collection or the model does not fit, or too many searches are waiting.
        """
        started = perf_counter()
        place = self._bounds.uploads if asked.query.image_files else self._bounds.searches
        with place.admit(), self._generations.pin(asked.collection, asked.model) as served:
            if asked.generation not in (None, served.generation.number):
                raise StaleCursorError("The collection has been indexed again since: search again from the first page.")
            plan = plan_search(
                served.generation,
                served.encoder.encoder.card,
                served.matchers,
                asked.query,
                target=asked.target,
                page=asked.page,
                rerank=RerankChoice(asked.rerank, self._rerank, self._rerank_depth),
            )

            def run(encoded: EncodedQuery) -> tuple[float, Found]:
                return (perf_counter() - started) * 1e3, plan.run(encoded)

            quick = plan.reranking is None and asked.page.after is None
            encode_ms, found = await self._encode(served, plan.query, run, quick=quick)
            self._explanations.expect(served.model)
            if asked.caption is None:
                return SearchAnswer(served, found, encode_ms)
            started = perf_counter()
            caption = await self._captions.write(served, asked.caption)
            return SearchAnswer(served, found, encode_ms, (caption,), (perf_counter() - started) * 1e3)

    async def embed(self, served: ServedGeneration, words: Sequence[str], images: Sequence[bytes]) -> list[Vectors]:
        """Return the unit vectors ``(D,)`` of sentences, then of image files, by the model; raises as ``search``."""
        with (self._bounds.uploads if images else self._bounds.searches).admit():
            return await self._vectors(served, words, images, lambda vectors: [*vectors.texts, *vectors.images])

    def reranking(self, served: ServedGeneration, query: Query, target: Side, asked: str | None) -> Reranking | None:
        """Return how a search for a query re-ranks; None where it does not.

        Raises:
            QueryError: the matcher that is asked for does not fit.
        """
        choice = RerankChoice(asked, self._rerank, self._rerank_depth)
        return choose_reranking(choice, served.matchers, query, target)

    async def explain(self, served: ServedGeneration, asked: ExplainRequest) -> Explanation:
        """Explain a result's score; an explanation that is remembered waits for nobody.

        Raises:
            SemblanceError: as ``search``, and where a photograph's file is gone or has changed.
        """
        known = self._explanations.known(asked)
        if known is not None:
            return known
        with self._bounds.explanations.admit():
            return await self._explain_anew(served, asked)

    async def overlay(self, served: ServedGeneration, asked: ExplainRequest) -> bytes:
        """Return the PNG of an explanation's heat map over the photograph; raises as ``explain``."""
        with self._bounds.explanations.admit():
            known = self._explanations.known(asked) or await self._explain_anew(served, asked)
            return await self._explanations.overlay(served, asked, known.evidence)

    async def _explain_anew(self, served: ServedGeneration, asked: ExplainRequest) -> Explanation:
        encoded = await self._encode(served, asked.query, lambda encoded: encoded)
        return await self._explanations.explain(served, asked, encoded)

    async def _encode(
        self, served: ServedGeneration, query: Query, then: Callable[[EncodedQuery], T], *, quick: bool = True
    ) -> T:
        """Encode a query's words and its image file, in batches with other requests; return what is made of them."""
        if not query.words and not query.image_files:
            return await run_in(self._threads, then, EncodedQuery(query, (), ()))

        def finish(vectors: Encoded) -> T:
            return then(EncodedQuery(query, *vectors, words_read(query, served.encoder.encoder)))

        return await self._vectors(served, query.words, query.image_files, finish, quick=quick)

    async def _vectors(
        self,
        served: ServedGeneration,
        words: Sequence[str],
        files: Sequence[bytes],
        then: Callable[[Encoded], T],
        *,
        quick: bool = True,
    ) -> T:
        images = [await self._prepared(content, served.encoder.encoder) for content in files]
        return await served.encoder.encode(words, images, then, quick=quick)

    async def _prepared(self, content: bytes, encoder: DualEncoder) -> Pixels:
        """Return an image file as the encoder's input; a caller that is cancelled ends the decoding."""
        shrink_to = encoder.card.preprocessing.size
        photograph = await result_of(self._decoder.submit(content, shrink_to=shrink_to))
        return await run_in(self._threads, encoder.prepare, photograph.pixels)
