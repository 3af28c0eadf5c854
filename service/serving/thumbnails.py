"""Thumbnails are made when first asked for and kept in memory up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from models.imaging.decode import ImageDecoder
from models.imaging.thumbnail import thumbnail_webp
from service.security.paths import read_original
from service.serving.admission import Admission
from service.serving.generations import Serving
from service.serving.threads import run_in


class BytesCache:
    """Keeps the most recently used values, up to a number of bytes in all."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self.bytes = 0

    def get(self, key: str) -> bytes | None:
        """Return a value, or None where it is not kept."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: str, value: bytes) -> None:
        """Keep a value, and drop the longest unused ones that no longer fit."""
        self.bytes += len(value) - len(self._values.pop(key, b""))
        self._values[key] = value
        while self.bytes > self._max_bytes:
            _, dropped = self._values.popitem(last=False)
            self.bytes -= len(dropped)


class Thumbnails:
    """Makes and keeps thumbnails; called on the event loop, works in its own threads."""

    def __init__(
        self, admission: Admission, *, threads: int, side_px: int, decoder: ImageDecoder, cache_bytes: int
    ) -> None:
        self._admission = admission
        self._side_px = side_px
        self._decoder = decoder
        self._cache = BytesCache(cache_bytes)
        self._threads = ThreadPoolExecutor(threads, "thumbnail")

    async def get(self, serving: Serving, image_id: str) -> bytes:
        """Return the WebP of an image of the collection.

        Raises:
            OriginalNotFoundError: its file is not there any more.
            OverloadedError: too many are being made.
        """
        thumbnail = self._cache.get(image_id)
        if thumbnail is None:
            with self._admission.admit():
                thumbnail = await run_in(self._threads, self._make, serving, image_id)
            self._cache.put(image_id, thumbnail)
        return thumbnail

    def close(self) -> None:
        """Finish what runs; what waits is given up."""
        self._threads.shutdown(cancel_futures=True)

    def _make(self, serving: Serving, image_id: str) -> bytes:
        content = read_original(serving.generation, image_id)
        photograph = self._decoder.decode(content, shrink_to=self._side_px)
        return thumbnail_webp(photograph, self._side_px)
