"""From a parsed query to its answer: pin a generation, encode, compose, search or explain."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter

from models.composition import Term, compose
from models.evidence import Evidence
from models.imaging.decode import ImageDecoder
from models.protocols import DualEncoder
from models.types import Pixels, Side, Vectors
from service.search.compose import terms_of
from service.search.confidence import calibration_for
from service.search.engine import Found, find_image, image_vector, search, unit_embedding
from service.search.query import Query
from service.search.rerank import NO_MATCHER, choose_reranking
from service.serving.admission import Admission
from service.serving.captions import Captions, Written
from service.serving.explanations import ExplainRequest, Explanations
from service.serving.generations import Generations, Serving
from service.serving.threads import run_in


@dataclass(frozen=True)
class Generate:
    """A caption of the query's image is to be written, by the captioner of that name; None for the default one."""

    captioner: str | None = None


@dataclass(frozen=True)
class SearchRequest:
    """A page of a search: where, what, how much of it.

    Attributes:
        query: what is searched for.
        collection: its name; None for the only or the default one.
        target: what is to be found.
        k: how many results.
        offset: how many better ones to pass over.
        model: that answers; None for the default one.
        rerank: name of a matcher, ``none``, or None for the default.
        generate: the caption to write of its image, too, if any.
    """

    query: Query
    collection: str | None
    target: Side
    k: int
    offset: int
    model: str | None = None
    rerank: str | None = None
    generate: Generate | None = None


@dataclass(frozen=True)
class SearchAnswer:
    """What a search found, in which generation, and the captions that were written for it."""

    serving: Serving
    found: Found
    encode_ms: float
    generated: tuple[Written, ...] = ()
    generate_ms: float = 0.0


class Queries:
    """Answers queries; called on the event loop, works in threads.

    Args:
        generations: what is served.
        explanations: explains matches.
        captions: writes captions.
        searches: bounds searches.
        explaining: bounds explanations.
        threads: that search and decode.
        decoder: decodes query images.
        rerank: the matcher of requests that name none, where it fits; or ``none``.
        rerank_depth: how many of the best results are re-ranked.
    """

    def __init__(
        self,
        generations: Generations,
        explanations: Explanations,
        captions: Captions,
        searches: Admission,
        explaining: Admission,
        *,
        threads: int,
        decoder: ImageDecoder,
        rerank: str = NO_MATCHER,
        rerank_depth: int = 50,
    ) -> None:
        self._generations = generations
        self._explanations = explanations
        self._captions = captions
        self._searches = searches
        self._explaining = explaining
        self._decoder = decoder
        self._rerank, self._rerank_depth = rerank, rerank_depth
        self._threads = ThreadPoolExecutor(threads, "search")

    async def search(self, asked: SearchRequest) -> SearchAnswer:
        """Find what a query means; an image of the collection does not find itself.

        Raises:
            SemblanceError: whatever is wrong with the query, the collection or the load.
        """
        started, query = perf_counter(), asked.query
        with self._searches.admit(), self._generations.pin(asked.collection, asked.model) as serving:
            reranking = choose_reranking(
                asked.rerank, self._rerank, serving.matchers, query, asked.target, self._rerank_depth
            )
            composed = compose(await self._terms(serving, query))
            encode_ms = (perf_counter() - started) * 1e3
            found = await run_in(
                self._threads,
                search,
                serving.generation,
                serving.model,
                composed,
                k=asked.k,
                offset=asked.offset,
                target=asked.target,
                exclude_id=query.image_id,
                reranking=reranking,
                calibration=calibration_for(serving.encoder.encoder.card, query, asked.target),
            )
            if asked.generate is None:
                return SearchAnswer(serving, found, encode_ms)
            started = perf_counter()
            written = await self._captions.write(serving, query, asked.generate.captioner)
            return SearchAnswer(serving, found, encode_ms, (written,), (perf_counter() - started) * 1e3)

    async def explain(self, serving: Serving, asked: ExplainRequest) -> Evidence:
        """Explain a match; an explanation that is known waits for nobody.

        Raises:
            SemblanceError: as ``search``, and where a photograph's file is gone.
        """
        known = self._explanations.known(asked)
        if known is not None:
            return known
        with self._explaining.admit():
            return await self._explanations.explain(serving, asked, await self._terms(serving, asked.query))

    async def overlay(self, serving: Serving, asked: ExplainRequest) -> bytes:
        """Return the picture of an explanation, a PNG; raises as ``explain``."""
        with self._explaining.admit():
            evidence = self._explanations.known(asked)
            if evidence is None:
                terms = await self._terms(serving, asked.query)
                evidence = await self._explanations.explain(serving, asked, terms)
            return await self._explanations.overlay(serving, asked, evidence)

    def close(self) -> None:
        """Finish what runs; what waits is given up."""
        self._threads.shutdown(cancel_futures=True)

    async def _terms(self, serving: Serving, query: Query) -> list[Term]:
        """Encode a query's parts."""
        words = list(await serving.encoder.texts(query.words)) if query.words else []
        source = await self._source(serving, query) if query.text is None else None
        return terms_of(query, words, source)

    async def _source(self, serving: Serving, query: Query) -> Vectors | None:
        if query.embedding is not None:
            return unit_embedding(query.embedding, serving.images.dimension)
        if query.image is not None:
            prepared = await run_in(self._threads, self._prepare, serving.encoder.encoder, query.image)
            return await serving.encoder.image(prepared)
        if query.image_id is not None:
            return await run_in(self._threads, _stored_vector, serving, query.image_id)
        return None

    def _prepare(self, encoder: DualEncoder, image: bytes) -> Pixels:
        shrink_to = encoder.card.preprocessing.size
        return encoder.prepare(self._decoder.decode(image, shrink_to=shrink_to).pixels)


def _stored_vector(serving: Serving, image_id: str) -> Vectors:
    return image_vector(serving.generation, serving.model, find_image(serving.generation, image_id))
