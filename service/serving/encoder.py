"""Dynamic batching: everything that is queued when an encoder's thread becomes free is encoded in one batch.

No request waits for a batch to fill: one that comes alone is encoded at once, and batches grow with the load.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from models.load_once import LoadOnce
from models.protocols import DualEncoder, ModelLibrary
from models.types import Pixels, Side, Vectors

_PART = 8
"""How many texts an explanation encodes at a time: a search that comes meanwhile waits for no more than these."""


@dataclass(frozen=True)
class _Job:
    side: Side
    inputs: Sequence[Any]
    """Texts, or prepared pixels ``(S, S, 3)``."""
    vectors: Future[Vectors] = field(default_factory=Future)


class BatchingEncoder:
    """Encodes for many requests at once; callers limit how many there are (see ``Admission``)."""

    def __init__(
        self, encoder: DualEncoder, *, max_batch: int, on_batch: Callable[[Side, int], None] = lambda _side, _size: None
    ) -> None:
        self.encoder = encoder
        self._max_batch = max_batch
        self._on_batch = on_batch
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._worker = threading.Thread(target=self._work, name=f"encode-{encoder.card.name}", daemon=True)
        self._worker.start()

    async def texts(self, texts: Sequence[str]) -> Vectors:
        """Embed N sentences as ``(N, D)``; if the caller is cancelled before their batch begins, they are left out."""
        return await asyncio.wrap_future(self._submit("text", texts))

    async def image(self, prepared: Pixels) -> Vectors:
        """Embed one prepared image ``(S, S, 3)`` as ``(D,)``."""
        vectors = await asyncio.wrap_future(self._submit("image", [prepared]))
        return np.asarray(vectors[0])

    def texts_from_thread(self, texts: Sequence[str]) -> Vectors:
        """Embed N sentences as ``(N, D)``, blocking until it is done; in small batches, so that searches go between."""
        parts = [texts[start : start + _PART] for start in range(0, len(texts), _PART)]
        empty = np.empty((0, self.encoder.card.dimension), dtype=np.float32)
        return np.concatenate([empty, *(self._submit("text", part).result() for part in parts)])

    def close(self) -> None:
        """Encode what is queued, then end the worker."""
        self._jobs.put(None)
        self._worker.join()

    def _submit(self, side: Side, inputs: Sequence[Any]) -> Future[Vectors]:
        job = _Job(side, inputs)
        self._jobs.put(job)
        return job.vectors

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, open_ = self._gather(job)
            for side in ("text", "image"):
                self._encode(side, [job for job in batch if job.side == side])
            if not open_:
                return

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        """Take what is queued, up to a full batch; also return False if ``close`` was called, which ends the queue."""
        batch = [first]
        while sum(len(job.inputs) for job in batch) < self._max_batch:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is None:
                return batch, False
            batch.append(job)
        return batch, True

    def _encode(self, side: Side, jobs: list[_Job]) -> None:
        jobs = [job for job in jobs if job.vectors.set_running_or_notify_cancel()]
        if not jobs:
            return
        inputs = [item for job in jobs for item in job.inputs]
        try:
            encoder = self.encoder
            vectors = encoder.encode_texts(inputs) if side == "text" else encoder.encode_images(np.stack(inputs))
        except Exception as error:  # noqa: BLE001 - raised in the callers; the worker goes on
            for job in jobs:
                job.vectors.set_exception(error)
            return
        self._on_batch(side, len(inputs))
        start = 0
        for job in jobs:
            job.vectors.set_result(vectors[start : start + len(job.inputs)])
            start += len(job.inputs)


class Encoders:
    """The encoders in service, each loaded and warmed up when a collection first needs it."""

    def __init__(
        self,
        library: ModelLibrary,
        *,
        max_batch: int,
        on_batch: Callable[[Side, int], None] = lambda _side, _size: None,
    ) -> None:
        self._library = library
        self._max_batch = max_batch
        self._on_batch = on_batch
        self._running: LoadOnce[str, BatchingEncoder] = LoadOnce()

    def get(self, model: str) -> BatchingEncoder:
        """Return the encoder of a model's name.

        Raises:
            ModelError: it cannot be loaded.
        """
        return self._running.get(model, lambda: self._start(model))

    def close(self) -> None:
        """End all workers."""
        for encoder in self._running.values():
            encoder.close()

    def _start(self, model: str) -> BatchingEncoder:
        encoder = self._library.encoder(model)
        size = encoder.card.preprocessing.size
        encoder.encode_texts(["warm-up"])
        encoder.encode_images(np.zeros((1, size, size, 3), dtype=np.uint8))
        return BatchingEncoder(encoder, max_batch=self._max_batch, on_batch=self._on_batch)
