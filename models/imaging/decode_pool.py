"""Decodes untrusted images in processes of their own, which are ended and replaced when an image costs too much.

A decoder is a large program in C that reads what strangers wrote. In a process of its own it can be given seconds and
bytes that the system enforces, be ended in the middle, and crash: the process that serves or indexes goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

from models.errors import ImageError
from models.imaging.byte_budget import ByteBudget
from models.imaging.cost import check_limits, decode_cost
from models.imaging.header import read_header
from models.imaging.limits import DEFAULT_LIMITS, DecodeLimits
from models.imaging.photograph import Photograph
from models.imaging.worker_process import WorkerProcess

_KEPT_IDLE_S = 10.0
"""After which a process that has nothing to do is ended, but for one: to start it takes a quarter of a second."""
_LARGE = 64 * 2**20
"""Bytes that a decode takes, beyond which its process is replaced: to start another costs less than such an image."""


class Decoding(Future[Photograph]):
    """A photograph that is being decoded; to cancel it ends its work too, where that has begun."""

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._given_up = False

    def cancel(self) -> bool:
        """Keep the work from beginning, or end it: then False is returned, and the future ends with an error."""
        if super().cancel():
            return True
        with self._guard:
            self._given_up = True
            if self._worker:
                self._worker.stop()
        return False

    def done_by(self, worker: WorkerProcess, work: Callable[[], Photograph]) -> Photograph:
        """Return what the worker makes; it is stopped when the work is given up."""
        with self._guard:
            if self._given_up:
                raise ImageError("decoding was given up")
            self._worker = worker
        try:
            return work()
        finally:
            with self._guard:
                self._worker = None


class DecoderPool:
    """The ``ImageDecoder`` that works in other processes, which start when they are first needed.

    Args:
        workers: most processes.
        limits: of the images.
        budget: of the bytes that decodes may take together, by what their headers tell; pools may share one. By default
            as much as the largest image that the limits allow.
        niceness: how far the processes stand back behind others, 0 to 19.
    """

    def __init__(
        self,
        workers: int,
        limits: DecodeLimits = DEFAULT_LIMITS,
        *,
        budget: ByteBudget | None = None,
        niceness: int = 0,
    ) -> None:
        self.limits, self._niceness = limits, niceness
        self._budget = budget or ByteBudget(limits.max_decode_bytes)
        self._threads = ThreadPoolExecutor(workers, "decode")
        self._guard = threading.Lock()
        self._idle: list[tuple[float, WorkerProcess]] = []  # since when, the longest first
        self._sweeping: threading.Timer | None = None
        self._unfinished: set[Decoding] = set()

    def decode(self, content: bytes, *, shrink_to: int | None = None) -> Photograph:
        """See ``ImageDecoder``."""
        return self.submit(content, shrink_to=shrink_to).result()

    def submit(self, content: bytes, *, shrink_to: int | None = None) -> Decoding:
        """Return at once; the future raises what ``decode_image`` does, and where the image costs too much."""
        decoding = Decoding()
        with self._guard:
            self._unfinished.add(decoding)
        decoding.add_done_callback(self._forget)
        self._threads.submit(self._run, decoding, content, shrink_to)
        return decoding

    def close(self) -> None:
        """Give up what is being decoded, and end all processes."""
        with self._guard:
            unfinished = list(self._unfinished)
        for decoding in unfinished:
            decoding.cancel()
        self._threads.shutdown()
        with self._guard:
            if self._sweeping:
                self._sweeping.cancel()
            idle, self._idle = self._idle, []
        for _, worker in idle:
            worker.close()

    def __enter__(self) -> DecoderPool:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _forget(self, decoding: Future[Photograph]) -> None:
        with self._guard:
            self._unfinished.discard(decoding)

    def _run(self, decoding: Decoding, content: bytes, shrink_to: int | None) -> None:
        if not decoding.set_running_or_notify_cancel():
            return
        try:
            decoding.set_result(self._decode(decoding, content, shrink_to))
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            decoding.set_exception(error)

    def _decode(self, decoding: Decoding, content: bytes, shrink_to: int | None) -> Photograph:
        header = read_header(content)
        check_limits(header, self.limits, shrink_to)
        cost = decode_cost(header, shrink_to)
        with self._budget.take(cost):
            worker = self._lend()
            try:
                return decoding.done_by(worker, lambda: worker.decode(content, shrink_to))
            finally:
                if cost > _LARGE:
                    worker.stop()  # what its allocator keeps goes back to the system
                self._take_back(worker)

    def _lend(self) -> WorkerProcess:
        with self._guard:
            worker = self._idle.pop()[1] if self._idle else None
        if worker and worker.is_alive:
            return worker
        if worker:
            worker.close()
        return WorkerProcess(self.limits, self._niceness)

    def _take_back(self, worker: WorkerProcess) -> None:
        if not worker.is_alive:
            worker.close()
            return
        with self._guard:
            self._idle.append((monotonic(), worker))
            if len(self._idle) > 1 and not self._sweeping:
                self._sweep_later()

    def _sweep_later(self) -> None:
        self._sweeping = threading.Timer(_KEPT_IDLE_S, self._sweep)
        self._sweeping.daemon = True
        self._sweeping.start()

    def _sweep(self) -> None:
        """End the processes that have been idle for long, but for the one that was used last."""
        ended = []
        with self._guard:
            self._sweeping = None
            while len(self._idle) > 1 and self._idle[0][0] <= monotonic() - _KEPT_IDLE_S:
                ended.append(self._idle.pop(0)[1])
            if len(self._idle) > 1:
                self._sweep_later()
        for worker in ended:
            worker.close()
