"""Dynamic batching: everything that is queued when an encoder's thread becomes free is encoded in one batch.

No request waits for a batch to fill: one that comes alone is encoded at once, and batches grow with the load. Words and
images take turns, and images in small batches: each takes ten times as long as a sentence.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from itertools import islice
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

import numpy as np

from models.load_once import LoadOnce
from models.protocols import DualEncoder, ModelLibrary
from models.types import Pixels, Side, Vectors
from service.serving.threads import result_of

T = TypeVar("T")

_PART = 8
"""How many texts an explanation encodes at a time: a search that comes meanwhile waits for no more than these."""


class Encoded(NamedTuple):
    """What a caller had encoded: the vectors ``(D,)`` of its texts and of its images."""

    texts: list[Vectors]
    images: list[Vectors]


@dataclass(frozen=True)
class _Job:
    """What one caller wants; images are prepared pixels ``(S, S, 3)``."""

    texts: Sequence[str]
    images: Sequence[Pixels]
    then: Callable[[Encoded], Any]
    quick: bool = True
    result: Future[Any] = field(default_factory=Future)

    @property
    def size(self) -> int:
        return len(self.texts) + len(self.images)

    def finish(self, encoded: Encoded) -> None:
        try:
            self.result.set_result(self.then(encoded))
        except Exception as error:  # noqa: BLE001 - raised in the caller
            self.result.set_exception(error)


class BatchingEncoder:
    """Encodes for many requests at once; callers limit how many there are (see ``Admission``).

    Args:
        encoder: that does it.
        max_batch: most texts that are taken together.
        max_images: most images that are.
        finishing: runs what callers make of their vectors where others wait for the encoder's thread; it outlives this.
        on_batch: told the side and the size of each batch.
    """

    def __init__(
        self,
        encoder: DualEncoder,
        *,
        max_batch: int,
        max_images: int = 4,
        finishing: Executor,
        on_batch: Callable[[Side, int], None] = lambda _side, _size: None,
    ) -> None:
        self.encoder = encoder
        self._max_batch = max_batch
        self._max_images = min(max_batch, max_images)
        self._finishing = finishing
        self._on_batch = on_batch
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._texts, self._images = deque[_Job](), deque[_Job]()  # the worker's own: what it has taken from the queue
        self._worker = threading.Thread(target=self._work, name=f"encode-{encoder.card.name}", daemon=True)
        self._worker.start()

    async def encode(
        self, texts: Sequence[str], images: Sequence[Pixels], then: Callable[[Encoded], T], *, quick: bool = True
    ) -> T:
        """Encode, and return what ``then`` makes of the vectors, in a thread.

        A caller that is cancelled before its batch begins is left out; later it waits, see ``result_of``.

        Args:
            texts: sentences.
            images: prepared, ``(S, S, 3)`` each.
            then: given the vectors.
            quick: ``then`` takes no longer than an encoding, so that those who come meanwhile may wait for it.
        """
        return await result_of(self._submit(_Job(texts, images, then, quick)))

    def texts_from_thread(self, texts: Sequence[str]) -> Vectors:
        """Embed N sentences as ``(N, D)``, blocking until it is done; in small batches, so that searches go between."""
        parts = [texts[start : start + _PART] for start in range(0, len(texts), _PART)]
        vectors = [vector for part in parts for vector in self._submit(_Job(part, (), _texts)).result()]
        return np.stack(vectors) if vectors else np.empty((0, self.encoder.card.dimension), dtype=np.float32)

    def close(self) -> None:
        """Encode what is queued, then end the worker."""
        self._jobs.put(None)
        self._worker.join()

    def _submit(self, job: _Job) -> Future[Any]:
        self._jobs.put(job)
        return job.result

    def _work(self) -> None:
        open_ = True
        while open_ or self._texts or self._images:
            open_ = open_ and self._sort()
            for line, most in ((self._texts, self._max_batch), (self._images, self._max_images)):
                jobs = [job for job in _first(line, most) if job.result.set_running_or_notify_cancel()]
                if jobs:
                    self._encode(jobs)

    def _sort(self) -> bool:
        """Line up what is queued, and wait where there is nothing; return False if ``close`` was called."""
        wait = not (self._texts or self._images)
        while wait or not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                return False
            (self._images if job.images else self._texts).append(job)
            wait = False
        return True

    def _encode(self, jobs: list[_Job]) -> None:
        try:
            encoded = self._vectors(jobs)
        except Exception as error:  # noqa: BLE001 - raised in the callers; the worker goes on
            for job in jobs:
                job.result.set_exception(error)
            return
        if len(jobs) == 1 and jobs[0].quick and not (self._texts or self._images or not self._jobs.empty()):
            jobs[0].finish(encoded[0])  # nobody waits for this thread: no other needs to be woken
            return
        for job, vectors in zip(jobs, encoded, strict=True):
            self._finishing.submit(job.finish, vectors)

    def _vectors(self, jobs: Sequence[_Job]) -> list[Encoded]:
        texts = [text for job in jobs for text in job.texts]
        images = [image for job in jobs for image in job.images]
        text_vectors = self._side("text", self.encoder.encode_texts, texts)
        image_vectors = self._side("image", lambda pixels: self.encoder.encode_images(np.stack(pixels)), images)
        return [
            Encoded(list(islice(text_vectors, len(job.texts))), list(islice(image_vectors, len(job.images))))
            for job in jobs
        ]

    def _side(self, side: Side, encode: Callable[[list[Any]], Vectors], inputs: list[Any]) -> Iterator[Vectors]:
        if not inputs:
            return iter(())
        vectors = encode(inputs)
        self._on_batch(side, len(inputs))
        return iter(vectors)


def _first(line: deque[_Job], most: int) -> list[_Job]:
    """Take jobs from a line up to a full batch; the first one however large it is."""
    taken, size = [], 0
    while line and size < most:
        taken.append(line.popleft())
        size += taken[-1].size
    return taken


def _texts(encoded: Encoded) -> list[Vectors]:
    return encoded.texts


class Encoders:
    """The encoders in service, each loaded and warmed up when a collection first needs it."""

    def __init__(
        self,
        library: ModelLibrary,
        *,
        max_batch: int,
        max_images: int = 4,
        finishing: Executor,
        on_batch: Callable[[Side, int], None] = lambda _side, _size: None,
    ) -> None:
        self._library = library
        self._max_batch = max_batch
        self._max_images = max_images
        self._finishing = finishing
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
        return BatchingEncoder(
            encoder,
            max_batch=self._max_batch,
            max_images=self._max_images,
            finishing=self._finishing,
            on_batch=self._on_batch,
        )
