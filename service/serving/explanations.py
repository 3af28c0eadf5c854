"""Explanations run in one thread of their own, at low priority: they may be slow, searches may not.

Torch and the explainer (the model's weights a second time) are loaded there, with the first explanation.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from models.imaging.decode import ImageDecoder
from models.imaging.overlay import overlay_png
from models.imaging.photograph import Photograph
from models.protocols import ModelLibrary
from service.search.engine import find_image, image_vector
from service.search.explanation import Explanation, explain
from service.search.plan import EncodedQuery, resolve
from service.security.paths import read_original
from service.serving.generations import ServedGeneration
from service.serving.threads import run_in

_NICENESS = 10


class Explanations:
    """Explains matches and remembers the last ones; all its state belongs to its thread.

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
        self._kept = kept
        self._known: OrderedDict[str, Explanation] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, "explain", initializer=_yield_to_searches)

    async def explain(self, key: str, serving: ServedGeneration, query: EncodedQuery, image_id: str) -> Explanation:
        """Explain the score of an image; ``key`` names the generation and everything that was asked.

        Raises:
            ImageNotFoundError: no such image.
            OriginalNotFoundError: its file is not there any more.
        """
        return await run_in(self._thread, self._explain, key, serving, query, image_id)

    async def overlay(self, key: str, serving: ServedGeneration, query: EncodedQuery, image_id: str) -> bytes:
        """Return the PNG of an explanation's heat map over the photograph; raises as ``explain``."""
        return await run_in(self._thread, self._overlay, key, serving, query, image_id)

    def close(self) -> None:
        """Finish what runs; what waits is given up."""
        self._thread.shutdown(cancel_futures=True)

    def _explain(self, key: str, serving: ServedGeneration, query: EncodedQuery, image_id: str) -> Explanation:
        if key not in self._known:
            record = find_image(serving.generation, image_id)
            photograph = self._photograph(serving, image_id)
            encoder = serving.encoder.encoder
            self._known[key] = explain(
                resolve(query, serving.generation, serving.model).terms,
                image_vector(serving.generation, serving.model, record),
                encoder.prepare(photograph.pixels),
                encoder.card.preprocessing.visible_region(photograph.width, photograph.height),
                self._library.explainer(serving.model),
                serving.encoder.texts_from_thread,
            )
        self._known.move_to_end(key)
        explanation = self._known[key]
        while len(self._known) > self._kept:
            self._known.popitem(last=False)
        return explanation

    def _overlay(self, key: str, serving: ServedGeneration, query: EncodedQuery, image_id: str) -> bytes:
        explanation = self._explain(key, serving, query, image_id)
        photograph = self._photograph(serving, image_id)
        return overlay_png(photograph, explanation.heat, explanation.region, self._overlay_side_px)

    def _photograph(self, serving: ServedGeneration, image_id: str) -> Photograph:
        content = read_original(serving.generation, image_id)
        return self._decoder.decode(content, shrink_to=self._overlay_side_px)


def _yield_to_searches() -> None:
    """Lower this thread's priority, and that of the threads that torch starts from it (Linux only)."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        if os.getpriority(os.PRIO_PROCESS, thread) < _NICENESS:  # raising a priority is not everybody's right
            os.setpriority(os.PRIO_PROCESS, thread, _NICENESS)
