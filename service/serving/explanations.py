"""Explanations are made apart from searches: they may be slow, searches may not.

That is in a process of their own where the model can have one, or else in threads of low priority. Torch and the
explainer (the model's weights a second time) are loaded there, with the first explanation. What has been explained is
remembered by all that it depends on, and looked up before anything is encoded or decoded.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from cachetools import LRUCache

from indexer.catalog.base import ImageRecord
from models.composition import Term
from models.errors import QueryError
from models.evidence import Evidence, ImageRole
from models.explain.task import ExplainTask, explain
from models.imaging.decode import ImageDecoder
from models.imaging.overlay import overlay_png
from models.imaging.photograph import Photograph
from models.protocols import ModelLibrary, SeenImage
from models.types import Side
from service.search.confidence import Strength, judge, kind_of_search, reranked_kind
from service.search.engine import find_caption, find_image
from service.search.explanation import as_reranked, caption_task, choose_method, image_task, methods_for
from service.search.plan import EncodedQuery, check_same_model, resolve
from service.search.query import CollectionImage, Query
from service.search.rerank import Reranking
from service.security.paths import read_original
from service.serving.explain_process import ExplainProcess
from service.serving.generations import ServedGeneration
from service.serving.threads import run_in

_NICENESS = 10


@dataclass(frozen=True)
class ExplainRequest:
    """What is to be explained, and how.

    Attributes:
        query: that was searched for.
        result_id: of the image or the caption that was found.
        target: which of both.
        method: by name.
        reranking: of the search that found the result, if it had any.
        key: a digest of all that the explanation depends on, what is served included; it names the explanation.
    """

    query: Query
    result_id: str
    target: Side
    method: str
    reranking: Reranking | None
    key: str


@dataclass(frozen=True)
class Explanation:
    """Why a result has its score, and how well it matches by that, as the search said it.

    Attributes:
        evidence: by a method.
        confidence: the probability that the result shows what was asked; None where that is not calibrated.
        strength: the same in a word.
        image: the result's entry in the catalog, or of a caption that of the first image that it describes.
        caption: that was found, or the first one of the image that was, as a search tells it.
    """

    evidence: Evidence
    confidence: float | None
    strength: Strength
    image: ImageRecord
    caption: str | None


class Explanations:
    """Explains matches and remembers the last explanations; called on the event loop, works in its thread.

    Args:
        library: gives explainers.
        process: where the models that it serves are explained; None where none are.
        decoder: decodes the photographs.
        overlay_side_px: longer side of the pictures.
        kept: how many explanations are remembered.
    """

    def __init__(
        self,
        library: ModelLibrary,
        process: ExplainProcess | None = None,
        *,
        decoder: ImageDecoder,
        overlay_side_px: int,
        kept: int,
    ) -> None:
        self._library = library
        self._process = process
        self._is_expected = False
        self._decoder = decoder
        self._overlay_side_px = overlay_side_px
        self._known: LRUCache[str, Explanation] = LRUCache(kept)
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "explain", initializer=_yield_to_searches)
        self._words = ThreadPoolExecutor(1, "explain-words", initializer=_yield_to_searches)

    def methods(self, model: str, query: Query | None = None, target: Side = "image") -> Sequence[str]:
        """Return the methods that fit: see ``methods_for``."""
        return methods_for(self._library, model, query, target)

    def expect(self, model: str) -> None:
        """Prepare for the first explanation by a model, which may be asked for soon; returns at once.

        What the libraries take to load would be the larger part of it.
        """
        if not self._is_expected and (process := self._process_of(model)) is not None:
            self._is_expected = True
            self._thread.submit(process.start)

    def request(
        self,
        served: ServedGeneration,
        query: Query,
        result_id: str,
        method: str | None,
        target: Side = "image",
        reranking: Reranking | None = None,
    ) -> ExplainRequest:
        """Name what is to be explained, by the model's default where no method is named.

        Raises:
            ExplainMethodError: the method does not fit the model that answers, or the query.
        """
        method = choose_method(self._library, served.model, query, target, method)
        reranked = None if reranking is None else (reranking.matcher.card.name, reranking.depth)
        key = self._key(served, query, result_id, target, method, reranked)
        return ExplainRequest(query, result_id, target, method, reranking, key)

    def known(self, asked: ExplainRequest) -> Explanation | None:
        """Return an explanation that is remembered."""
        with self._lock:
            return self._known.get(asked.key)

    async def explain(self, served: ServedGeneration, asked: ExplainRequest, query: EncodedQuery) -> Explanation:
        """Explain the score of an image, or of a caption.

        Args:
            served: pinned by the caller, the one of the request.
            asked: what is to be explained.
            query: the request's, encoded.

        Raises:
            ImageNotFoundError: no such image.
            CaptionNotFoundError: no such caption.
            ModelMismatchError: the captions' vectors are not the model's any more.
            OriginalNotFoundError: its file, or that of the query's image, is not there any more.
            QueryError: the terms cancel each other out.
        """
        return await run_in(self._thread, self._explain, served, asked, query)

    async def overlay(self, served: ServedGeneration, asked: ExplainRequest, evidence: Evidence) -> bytes:
        """Return the PNG of an explanation's heat map over the photograph.

        Raises:
            OriginalNotFoundError: its file is not there any more.
            QueryError: there is no photograph: words found a caption.
        """
        return await run_in(self._thread, self._overlay, served, asked, evidence)

    def close(self) -> None:
        """Finish what runs; what waits is given up."""
        self._thread.shutdown(cancel_futures=True)
        self._words.shutdown()
        if self._process is not None:
            self._process.close()

    def _key(self, served: ServedGeneration, query: Query, *asked: object) -> str:
        generation = served.generation
        source = (served.collection, generation.number, generation.manifest.content_sha256)
        model = tuple(served.encoder.encoder.card.identity)
        files = [hashlib.sha256(content).digest() for content in query.image_files]  # repr(query) leaves them out
        what = (query, files, asked, self._overlay_side_px)  # photographs are decoded by it
        return hashlib.sha256(repr((source, model, what)).encode()).hexdigest()[:32]

    def _explain(self, served: ServedGeneration, asked: ExplainRequest, query: EncodedQuery) -> Explanation:
        known = self.known(asked)  # others may have asked the same in the meantime
        if known is not None:
            return known
        explain = self._of_caption if asked.target == "text" else self._of_image
        explanation = explain(served, asked, resolve(query, served.generation, served.model).terms)
        with self._lock, suppress(ValueError):  # the cache's way to say that it keeps none at all
            self._known[asked.key] = explanation
        return explanation

    def _of_image(self, served: ServedGeneration, asked: ExplainRequest, terms: Sequence[Term]) -> Explanation:
        """Explain the score that a search shows."""
        generation, model, method = served.generation, served.model, asked.method
        record = find_image(generation, asked.result_id)
        images = self._images(served, asked, self._looks_at(model, method))
        task = image_task(generation, model, method, record, terms, images, served.matchers)
        of_vectors = self._evidence(task)
        match = task.match(served.encoder.encoder.encode_texts)
        evidence, matcher = as_reranked(of_vectors, match, generation, model, record, asked.reranking, self._library)
        return _judged(served, asked, task, evidence, record, matcher=matcher)

    def _of_caption(self, served: ServedGeneration, asked: ExplainRequest, terms: Sequence[Term]) -> Explanation:
        generation = served.generation
        check_same_model(generation, served.encoder.encoder.card, "text")
        record = find_caption(generation, asked.result_id)
        images = self._images(served, asked, frozenset[ImageRole]({"query"}))
        task = caption_task(generation, served.model, asked.method, record, terms, images)
        (image,) = generation.catalog.images_with_ids(record.image_ids[:1])
        return _judged(served, asked, task, self._evidence(task), image, record.text)

    def _evidence(self, task: ExplainTask) -> Evidence:
        process = self._process_of(task.model)
        return explain(self._library, task, self._words) if process is None else process.explain(task)

    def _looks_at(self, model: str, method: str) -> AbstractSet[ImageRole]:
        process = self._process_of(model)
        if process is None:
            return self._library.explainer(model, method).looks_at
        return process.looks_at(model, method)

    def _process_of(self, model: str) -> ExplainProcess | None:
        """Return where a model is explained; None where that is in the service's own threads."""
        return self._process if self._process is not None and self._process.serves(model) else None

    def _images(
        self, served: ServedGeneration, asked: ExplainRequest, looked_at: AbstractSet[ImageRole]
    ) -> dict[ImageRole, SeenImage]:
        """Return the images that a method looks at, as the encoder sees them."""
        images: dict[ImageRole, SeenImage] = {}
        if "result" in looked_at:
            images["result"] = _seen(served, self._photograph(served, asked, "result"))
        if "query" in looked_at and (content := _query_image(served, asked.query)) is not None:
            shrink_to = served.encoder.encoder.card.preprocessing.size  # as it was decoded to be encoded
            images["query"] = _seen(served, self._decoder.decode(content, shrink_to=shrink_to))
        return images

    def _overlay(self, served: ServedGeneration, asked: ExplainRequest, evidence: Evidence) -> bytes:
        if evidence.image is None:
            raise QueryError("Words found a caption: there is no picture to paint on; leave format out.")
        photograph = self._photograph(served, asked, evidence.image)
        found = evidence.whole(evidence.image)
        return overlay_png(photograph, evidence.strength(evidence.image), found.region, self._overlay_side_px)

    def _photograph(self, served: ServedGeneration, asked: ExplainRequest, image: ImageRole) -> Photograph:
        content = None if image == "result" else _query_image(served, asked.query)
        if content is None:
            content = read_original(served.generation, asked.result_id)
        return self._decoder.decode(content, shrink_to=self._overlay_side_px)


def _judged(
    served: ServedGeneration,
    asked: ExplainRequest,
    task: ExplainTask,
    evidence: Evidence,
    image: ImageRecord,
    caption: str | None = None,
    matcher: str | None = None,
) -> Explanation:
    """Say how well the result matches, as a search does."""
    kind = kind_of_search(asked.query, asked.target)
    judgement = judge(
        served.encoder.encoder.card.calibrations,
        kind if matcher is None else reranked_kind(kind, matcher),
        served.generation.vector_set(served.model, asked.target),
        task.query.vector,
        np.array([evidence.score]),
    )
    caption = caption or next(iter(image.captions), None)
    return Explanation(evidence, judgement.confidences[0], judgement.strengths[0], image, caption)


def _seen(served: ServedGeneration, photograph: Photograph) -> SeenImage:
    encoder = served.encoder.encoder
    region = encoder.card.preprocessing.visible_region(photograph.width, photograph.height)
    return SeenImage(encoder.prepare(photograph.pixels), region)


def _query_image(served: ServedGeneration, query: Query) -> bytes | None:
    """Return the file of the image that was searched by; None where the query has none."""
    if query.image_files:
        return query.image_files[0]
    if isinstance(query.source, CollectionImage):
        return read_original(served.generation, query.source.id)
    return None


def _yield_to_searches() -> None:
    """Lower this thread's priority, and that of the threads that torch starts from it (Linux only)."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        if os.getpriority(os.PRIO_PROCESS, thread) < _NICENESS:  # raising a priority is not everybody's right
            os.setpriority(os.PRIO_PROCESS, thread, _NICENESS)
