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
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import ParamSpec, TypeVar

from models.composition import ComposedQuery
from models.errors import RuntimeUnavailableError
from models.evidence import Evidence, ImageRole
from models.explain.words import encode_left_of
from models.explain.words_ahead import WordsAhead
from models.load_once import LoadOnce
from models.protocols import Explainer, Match, ModelLibrary, SeenImage
from models.types import Features, Vectors

P = ParamSpec("P")
T = TypeVar("T")

_NICENESS = 19


class ExplainProcess:
    """Gives explainers that work in the process; several threads may ask them, one is answered at a time.

    Args:
        make_library: called there; the process gets it, and what it is called with, as bytes.
        serves: whether a model can be explained there.
    """

    def __init__(self, make_library: Callable[[], ModelLibrary], serves: Callable[[str], bool]) -> None:
        self._make_library = make_library
        self.serves = serves
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._explainers: LoadOnce[tuple[str, str], Explainer] = LoadOnce()

    def start(self) -> None:
        """Begin the process where there is none, and wait until it is ready."""
        self.run(_nothing)

    def explainer(self, model: str, method: str) -> Explainer:
        """Return what explains there by a method that fits the model; raises nothing yet."""
        return self._explainers.get((model, method), lambda: _Apart(self, model, method))

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


class _Apart:
    """An ``Explainer`` whose work is done in the process."""

    def __init__(self, process: ExplainProcess, model: str, method: str) -> None:
        self._process, self._model, self._method = process, model, method

    @cached_property
    def looks_at(self) -> AbstractSet[ImageRole]:
        """See ``Explainer``."""
        return self._process.run(_looks_at, self._model, self._method)

    def explain(self, match: Match) -> Evidence:
        """See ``Explainer``; of a match, what encodes stays here, for the process has its own."""
        what = match.query, match.vector, dict(match.images), dict(match.features)
        return self._process.run(_explain, self._model, self._method, *what)


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


def _explain(
    model: str,
    method: str,
    query: ComposedQuery,
    vector: Vectors,
    images: Mapping[ImageRole, SeenImage],
    features: Mapping[str, Features],
) -> Evidence:
    encoder = _Worker.library.encoder(model, in_caller=True)
    left = WordsAhead(encode_left_of(encoder), [term.text for term in query.terms], _Worker.words)
    match = Match(query, vector, images, encoder.encode_texts, features=features, encode_left=left)
    return _Worker.library.explainer(model, method).explain(match)
