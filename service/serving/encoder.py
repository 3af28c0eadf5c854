"""Dynamic batching: everything that is queued when an encoder's thread becomes free is encoded in one batch.

No request waits for a batch to fill: one that comes alone is encoded at once, and batches grow with the load. Words and
images have threads of their own, and images small batches: each takes ten times as long as a sentence.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import numpy as np

from models.load_once import LoadOnce
from models.protocols import DualEncoder, ModelLibrary
from models.types import Pixels, Side, Vectors
from service.serving.threads import result_of

T = TypeVar("T")


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


class _Line:
    """Jobs of one kind that wait, and the threads that do them, as many at once as make a full batch.

    Args:
        name: of the threads.
        threads: how many.
        most: texts and images that are taken together; one job is taken however large it is.
        work: does the jobs that were taken.
    """

    def __init__(self, name: str, threads: int, most: int, work: Callable[[list[_Job], _Line], None]) -> None:
        self._most, self._work = most, work
        self._waiting = deque[_Job]()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._run, name=name, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def __bool__(self) -> bool:
        """Tell whether anything waits."""
        return bool(self._waiting)

    def put(self, job: _Job) -> None:
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def close(self) -> None:
        """Do what waits, then end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while jobs := self._take():
            wanted = [job for job in jobs if job.result.set_running_or_notify_cancel()]
            if wanted:
                self._work(wanted, self)

    def _take(self) -> list[_Job]:
        """Wait for jobs; none are returned when there will be no more."""
        taken, size = list[_Job](), 0
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            while self._waiting and size < self._most:
                taken.append(self._waiting.popleft())
                size += taken[-1].size
        return taken


class BatchingEncoder:
    """Encodes for many requests at once; callers limit how many there are (see ``Admission``).

    Args:
        encoder: that does it.
        max_batch: most texts that are taken together.
        max_images: most images that are.
        text_threads: batches of texts at one time.
        finishing: runs what callers make of their vectors where others wait for the encoder's thread; it outlives this.
        on_batch: told the side and the size of each batch.
    """

    def __init__(
        self,
        encoder: DualEncoder,
        *,
        max_batch: int,
        max_images: int = 4,
        text_threads: int = 1,
        finishing: Executor,
        on_batch: Callable[[Side, int], None] = lambda _side, _size: None,
    ) -> None:
        self.encoder = encoder
        self._finishing = finishing
        self._on_batch = on_batch
        name = f"encode-{encoder.card.name}"
        self._texts = _Line(name, text_threads, max_batch, self._encode)
        self._images = _Line(f"{name}-images", 1, min(max_batch, max_images), self._encode)

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

    def close(self) -> None:
        """Encode what is queued, then end the threads."""
        for line in (self._texts, self._images):
            line.close()

    def _submit(self, job: _Job) -> Future[Any]:
        (self._images if job.images else self._texts).put(job)
        return job.result

    def _encode(self, jobs: list[_Job], line: _Line) -> None:
        try:
            encoded = self._vectors(jobs)
        except Exception as error:  # noqa: BLE001 - raised in the callers; the thread goes on
            for job in jobs:
                job.result.set_exception(error)
            return
        if len(jobs) == 1 and jobs[0].quick and not line:
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


class Encoders:
    """The encoders in service, each loaded and warmed up when a collection first needs it."""

    def __init__(
        self,
        library: ModelLibrary,
        *,
        max_batch: int,
        max_images: int = 4,
        text_threads: int = 1,
        finishing: Executor,
        on_batch: Callable[[Side, int], None] = lambda _side, _size: None,
    ) -> None:
        self._library = library
        self._max_batch = max_batch
        self._max_images = max_images
        self._text_threads = text_threads
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
            text_threads=self._text_threads,
            finishing=self._finishing,
            on_batch=self._on_batch,
        )
