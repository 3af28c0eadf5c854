"""Explains in a process of its own, so that searches are not slowed down by it.

In threads of the service, however low their priority, explanations hold its interpreter and its memory's locks while
searches wait for them. The process begins at the first search, when an explanation may be near, with the libraries
alone; models are loaded with the first explanation. It ends with the service, whichever way that ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import ParamSpec, TypeVar

from models.errors import RuntimeUnavailableError
from models.evidence import Evidence, ImageRole
from models.explain.task import ExplainTask, explain
from models.load_once import LoadOnce
from models.protocols import ModelLibrary

P = ParamSpec("P")
T = TypeVar("T")

_NICENESS = 19


class ExplainProcess:
    """The process; several threads may ask it, one is answered at a time.

    Args:
        make_library: called there; the process gets it, and what it is called with, as bytes.
        serves: whether a model can be explained there.
    """

    def __init__(self, make_library: Callable[[], ModelLibrary], serves: Callable[[str], bool]) -> None:
        self._make_library = make_library
        self.serves = serves
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._looks_at: LoadOnce[tuple[str, str], AbstractSet[ImageRole]] = LoadOnce()

    def start(self) -> None:
        """Begin the process where there is none, and wait until it is ready."""
        self.run(_nothing)

    def looks_at(self, model: str, method: str) -> AbstractSet[ImageRole]:
        """Return the images that a method which fits a model looks at."""
        return self._looks_at.get((model, method), lambda: self.run(_looks_at, model, method))

    def explain(self, task: ExplainTask) -> Evidence:
        """Explain a match there; raises as the method does, and as ``run``."""
        return self.run(_explain, task)

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``work`` there, in another process where one has ended in the middle of it.

        Raises:
            RuntimeUnavailableError: that has ended, too.
        """
        for _ in range(2):
            pool = self._running()
            try:
                return pool.submit(work, *args, **kwargs).result()
            except BrokenProcessPool:
                self._end(pool)
        raise RuntimeUnavailableError("The process that explains was ended twice; is there enough memory for it?")

    def close(self) -> None:
        """End the process; what waits for it is given up."""
        if self._pool is not None:
            self._end(self._pool)

    def _running(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                # Not forked: of the service's threads, only one would be there, and their locks would stay locked.
                self._pool = ProcessPoolExecutor(1, get_context("spawn"), _begin, (self._make_library,))
            return self._pool

    def _end(self, pool: ProcessPoolExecutor) -> None:
        with self._lock:
            if pool is self._pool:
                self._pool = None
        pool.shutdown(cancel_futures=True)


class _Worker:
    """The library of the process, and the thread that encodes words beside what looks at the picture."""

    library: ModelLibrary
    words: ThreadPoolExecutor


def _begin(make_library: Callable[[], ModelLibrary]) -> None:
    """Set the process up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which ends this process
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)  # for the threads to come, too
    threading.Thread(target=_end_with_the_service, daemon=True).start()
    from models.explain import place_evidence  # noqa: F401 - to import takes as long as to load the model
    from models.inference import openvino_runtime  # noqa: F401

    _Worker.library, _Worker.words = make_library(), ThreadPoolExecutor(1, "explain-words")


def _end_with_the_service() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)


def _nothing() -> None:
    """Tell by its end that the process is ready."""


def _looks_at(model: str, method: str) -> AbstractSet[ImageRole]:
    return _Worker.library.explainer(model, method).looks_at


def _explain(task: ExplainTask) -> Evidence:
    return explain(_Worker.library, task, _Worker.words)
