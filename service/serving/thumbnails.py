"""Makes thumbnails when they are first asked for, and keeps the most recently used ones in memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from cachetools import LRUCache

from models.imaging.decode_pool import DecoderPool
from models.imaging.thumbnail import thumbnail_webp
from service.security.paths import read_original
from service.serving.admission import Admission
from service.serving.generations import ServedGeneration
from service.serving.threads import result_of, run_in


class Thumbnails:
    """Makes and keeps thumbnails; called on the event loop, works in its own threads.

    Args:
        admission: limits how many thumbnails are being made or waiting.
        threads: how many threads make them.
        side_px: longer side of a thumbnail, in pixels.
        decoder: decodes the photographs.
        cache_bytes: memory for the thumbnails that are kept; one that is larger than that is not kept.
    """

    def __init__(
        self, admission: Admission, *, threads: int, side_px: int, decoder: DecoderPool, cache_bytes: int
    ) -> None:
        self._admission = admission
        self._side_px = side_px
        self._decoder = decoder
        self._cache: LRUCache[str, bytes] = LRUCache(cache_bytes, getsizeof=len)
        self._threads = ThreadPoolExecutor(threads, "thumbnail")

    async def get(self, served: ServedGeneration, image_id: str) -> bytes:
        """Return the WebP of an image of the collection.

        Raises:
            OriginalNotFoundError: its file is gone or has changed.
            OverloadedError: too many are being made or waiting.
        """
        thumbnail = self._cache.get(image_id)
        if thumbnail is None:
            with self._admission.admit():
                thumbnail = await self._make(served, image_id)
            if len(thumbnail) <= self._cache.maxsize:
                self._cache[image_id] = thumbnail
        return thumbnail

    def close(self) -> None:
        """Wait for what runs, and cancel what has not started."""
        self._threads.shutdown(cancel_futures=True)

    async def _make(self, served: ServedGeneration, image_id: str) -> bytes:
        content = await run_in(self._threads, read_original, served.generation, image_id)
        photograph = await result_of(self._decoder.submit(content, shrink_to=self._side_px))
        return await run_in(self._threads, thumbnail_webp, photograph, self._side_px)
