"""Explanations run in one thread of their own, at low priority: they may be slow, searches may not.

Torch and the explainer (the model's weights a second time) are loaded there, with the first explanation. What has been
explained is remembered by all that it depends on, and looked up before anything is encoded or decoded.
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
from dataclasses import dataclass, replace

from cachetools import LRUCache

from models.composition import Term
from models.errors import ExplainMethodError
from models.evidence import Evidence, ImageRole
from models.imaging.decode import ImageDecoder
from models.imaging.overlay import overlay_png
from models.imaging.photograph import Photograph
from models.protocols import ModelLibrary, SeenImage
from service.search.engine import find_image
from service.search.explanation import match_of
from service.search.query import Query
from service.security.paths import read_original
from service.serving.generations import Serving
from service.serving.threads import run_in

_NICENESS = 10


@dataclass(frozen=True)
class ExplainRequest:
    """What is to be explained, and how.

    Attributes:
        query: that was searched for.
        image_id: of the result.
        method: by name.
        key: a digest of all that the explanation depends on, what is served included; it names the explanation.
    """

    query: Query
    image_id: str
    method: str
    key: str


class Explanations:
    """Explains matches and remembers the last explanations; called on the event loop, works in its thread.

    Args:
        library: gives explainers.
        decoder: decodes the photographs.
        overlay_side_px: longer side of the pictures.
        kept: how many explanations are remembered.
    """

    def __init__(self, library: ModelLibrary, *, decoder: ImageDecoder, overlay_side_px: int, kept: int) -> None:
        self._library = library
        self._decoder = decoder
        self._overlay_side_px = overlay_side_px
        self._known: LRUCache[str, Evidence] = LRUCache(kept)
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "explain", initializer=_yield_to_searches)

    def request(self, serving: Serving, query: Query, image_id: str, method: str) -> ExplainRequest:
        """Name what is to be explained.

        Raises:
            ExplainMethodError: the method does not fit the model that answers.
        """
        fitting = self._library.explain_methods(serving.model)
        if method not in fitting:
            raise ExplainMethodError(method, serving.model, fitting)
        return ExplainRequest(query, image_id, method, self._key(serving, query, image_id, method))

    def known(self, asked: ExplainRequest) -> Evidence | None:
        """Return an explanation that is remembered."""
        with self._lock:
            return self._known.get(asked.key)

    async def explain(self, serving: Serving, asked: ExplainRequest, terms: Sequence[Term]) -> Evidence:
        """Explain the score of an image.

        Args:
            serving: pinned by the caller, the one of the request.
            asked: what is to be explained.
            terms: of its query.

        Raises:
            ImageNotFoundError: no such image.
            OriginalNotFoundError: its file, or that of the query's image, is not there any more.
            QueryError: the terms cancel each other out.
        """
        return await run_in(self._thread, self._explain, serving, asked, terms)

    async def overlay(self, serving: Serving, asked: ExplainRequest, evidence: Evidence) -> bytes:
        """Return the PNG of an explanation's heat map over the photograph.

        Raises:
            OriginalNotFoundError: its file is not there any more.
        """
        return await run_in(self._thread, self._overlay, serving, asked.image_id, evidence)

    def close(self) -> None:
        """Finish what runs; what waits is given up."""
        self._thread.shutdown(cancel_futures=True)

    def _key(self, serving: Serving, query: Query, image_id: str, method: str) -> str:
        generation = serving.generation
        served = (serving.name, generation.number, generation.manifest.content_sha256)
        model = tuple(serving.encoder.encoder.card.identity)
        image = query.image and hashlib.sha256(query.image).digest()
        asked = (replace(query, image=image), image_id, method, self._overlay_side_px)  # photographs are decoded by it
        return hashlib.sha256(repr((served, model, asked)).encode()).hexdigest()[:32]

    def _explain(self, serving: Serving, asked: ExplainRequest, terms: Sequence[Term]) -> Evidence:
        known = self.known(asked)  # others may have asked the same in the meantime
        if known is not None:
            return known
        record = find_image(serving.generation, asked.image_id)
        explainer = self._library.explainer(serving.model, asked.method)
        match = match_of(
            serving.generation,
            serving.model,
            record,
            terms,
            self._images(serving, asked, explainer.looks_at),
            serving.encoder.texts_from_thread,
            serving.matchers,
        )
        evidence = explainer.explain(match)
        with self._lock, suppress(ValueError):  # the cache's way to say that it keeps none at all
            self._known[asked.key] = evidence
        return evidence

    def _images(
        self, serving: Serving, asked: ExplainRequest, looked_at: AbstractSet[ImageRole]
    ) -> dict[ImageRole, SeenImage]:
        """Return the images that a method looks at, as the encoder sees them."""
        images: dict[ImageRole, SeenImage] = {}
        if "result" in looked_at:
            images["result"] = _seen(serving, self._photograph(serving, asked.image_id))
        if "query" in looked_at and (content := _query_image(serving, asked.query)) is not None:
            shrink_to = serving.encoder.encoder.card.preprocessing.size  # as it was decoded to be encoded
            images["query"] = _seen(serving, self._decoder.decode(content, shrink_to=shrink_to))
        return images

    def _overlay(self, serving: Serving, image_id: str, evidence: Evidence) -> bytes:
        photograph = self._photograph(serving, image_id)
        return overlay_png(photograph, evidence.heat(), evidence.whole().region, self._overlay_side_px)

    def _photograph(self, serving: Serving, image_id: str) -> Photograph:
        content = read_original(serving.generation, image_id)
        return self._decoder.decode(content, shrink_to=self._overlay_side_px)


def _seen(serving: Serving, photograph: Photograph) -> SeenImage:
    encoder = serving.encoder.encoder
    region = encoder.card.preprocessing.visible_region(photograph.width, photograph.height)
    return SeenImage(encoder.prepare(photograph.pixels), region)


def _query_image(serving: Serving, query: Query) -> bytes | None:
    """Return the file of the image that was searched by; None where the query has none."""
    if query.image is not None:
        return query.image
    return None if query.image_id is None else read_original(serving.generation, query.image_id)


def _yield_to_searches() -> None:
    """Lower this thread's priority, and that of the threads that torch starts from it (Linux only)."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        if os.getpriority(os.PRIO_PROCESS, thread) < _NICENESS:  # raising a priority is not everybody's right
            os.setpriority(os.PRIO_PROCESS, thread, _NICENESS)
