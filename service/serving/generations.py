"""The generations in service: a request pins one, a reload replaces it, and its last request closes the old one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from indexer.collections import collection_dir, collection_names
from indexer.errors import CollectionNameError, CollectionNotFoundError, EngineAwayError
from indexer.store.arrays import VectorSet
from indexer.store.generation import Generation, current_pointer, open_current
from indexer.store.manifest import Pointer
from models.errors import InputError, SemblanceError
from models.protocols import Matcher
from service.search.plan import check_same_model
from service.serving.encoder import BatchingEncoder
from service.serving.matchers import Matchers

log = structlog.get_logger()


class CollectionChoiceError(InputError):
    """The request names no collection, there is no default, and there is not exactly one."""


class NotReadyError(SemblanceError):
    """What the request needs is still being loaded, or there is no collection yet."""


class ModelChoiceError(InputError):
    """The request asks for a model that the collection has no vectors of."""


@dataclass(frozen=True)
class ServedModel:
    """A model that answers from a generation.

    Attributes:
        encoder: of queries.
        images: the image vectors of its space.
        matchers: those that can re-rank its results, by name.
    """

    encoder: BatchingEncoder
    images: VectorSet
    matchers: Mapping[str, Matcher]


@dataclass(frozen=True)
class ServedGeneration:
    """An open generation, the models that can answer from it, and the choice of one of them.

    Attributes:
        collection: the name of the collection that this is a generation of.
        generation: open for as long as a request has it pinned.
        models: by name.
        model: the name of the one that answers.
    """

    collection: str
    generation: Generation
    models: Mapping[str, ServedModel]
    model: str

    @property
    def encoder(self) -> BatchingEncoder:
        """The encoder of the model that answers."""
        return self.models[self.model].encoder

    @property
    def images(self) -> VectorSet:
        """The image vectors of the model that answers."""
        return self.models[self.model].images

    @property
    def matchers(self) -> Mapping[str, Matcher]:
        """What can re-rank the results of the model that answers."""
        return self.models[self.model].matchers

    def answered_by(self, model: str) -> ServedGeneration:
        """Return the same with another model.

        Raises:
            ModelChoiceError: it is none of ``models``.
        """
        if model not in self.models:
            there_are = ", ".join(self.models)
            raise ModelChoiceError(
                f"This collection is not served with the model {model[:64]!r}; there are: {there_are}."
            )
        return replace(self, model=model)


@dataclass
class _ReferenceCounted:
    """A generation in service or just out of it, which is closed when it is retired and no request has it pinned."""

    served: ServedGeneration
    pins: int = 0
    retired: bool = False


class Generations:
    """The generation in service of each collection; safe to use from many threads.

    Args:
        data_dir: the indexer's data folder.
        encoder_for: returns the encoder of a model's name.
        matchers: loads matchers.
        model: that answers requests which name none; None takes each collection's first model.
        default: the collection that answers requests which name none.
        is_visible: tells whether a collection is there for whoever asks; for others it is as one that does not exist.
    """

    def __init__(
        self,
        data_dir: Path,
        encoder_for: Callable[[str], BatchingEncoder],
        matchers: Matchers,
        *,
        model: str | None = None,
        default: str | None = None,
        is_visible: Callable[[str], bool] = lambda _name: True,
    ) -> None:
        self._data_dir = data_dir
        self._encoder_for = encoder_for
        self._matchers = matchers
        self._model = model
        self._default = default
        self._is_visible = is_visible
        self._serving: dict[str, _ReferenceCounted] = {}
        self._refused: dict[str, SemblanceError] = {}
        self._tried: dict[str, Pointer | None] = {}
        self._waiting: list[str] | None = None
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._one_reload = threading.Lock()

    def load_all(self) -> None:
        """Load every collection on disk; requests for one that cannot be loaded are refused with the reason.

        Until this returns, requests for what is not there yet raise ``NotReadyError``.
        """
        names = collection_names(self._data_dir)
        if not names:
            log.warning("no collection yet: run semblance index", data_dir=str(self._data_dir))
        self._waiting = names
        for name in names:
            if self._closed.is_set():
                return
            log.info("loading", collection=name)
            try:
                self.reload(name)
            except SemblanceError as error:
                log.warning("collection refused", collection=name, reason=str(error))
            self._waiting = self._waiting[1:]

    @property
    def loading(self) -> tuple[str, ...] | None:
        """The collections that are still to be loaded after the start; None before it is known which there are."""
        return None if self._waiting is None else tuple(self._waiting)

    def reload(self, name: str) -> None:
        """Put a collection's newest generation into service; requests that have pinned the old one keep it.

        Raises:
            SemblanceError: the newest generation cannot be served. The one in service stays, unless the collection
                does not exist any more.
        """
        self._check_visible(name)
        with self._one_reload:
            try:
                folder = collection_dir(self._data_dir, name)
                self._tried[name] = self._pointer_of(name)
                if self._pointer_in_service(name) != current_pointer(folder):
                    self._swap(name, self._open(name, folder))
                self._refused.pop(name, None)
            except (CollectionNotFoundError, CollectionNameError):
                self._tried.pop(name, None)
                self._swap(name, None)
                self._refused.pop(name, None)
                raise
            except SemblanceError as error:
                self._refused[name] = error
                if isinstance(error, EngineAwayError):
                    self._tried.pop(name, None)  # it may come back while the pointer stays
                raise

    def refresh(self) -> None:
        """Take into service what has been published, made or deleted since: what ``reload`` does, of all that changed.

        What could not be loaded is tried again when its pointer changes, not before.
        """
        on_disk = {name: self._pointer_of(name) for name in collection_names(self._data_dir)}
        for name in {*on_disk, *self.names}:
            if self._closed.is_set():
                return
            pointer = on_disk.get(name)
            if pointer == self._tried.get(name) or (pointer is None and name in on_disk):
                continue
            try:
                self.reload(name)
            except CollectionNotFoundError:
                log.info("collection gone", collection=name)
            except SemblanceError as error:
                log.warning("collection refused", collection=name, reason=str(error))

    @contextmanager
    def pin(self, name: str | None, model: str | None = None) -> Iterator[ServedGeneration]:
        """Keep a collection's generation open for the length of the block, answered by one model or the default one.

        Raises:
            CollectionChoiceError: no name is given and there is no default.
            ModelChoiceError: the collection is not served with that model.
            CollectionNotFoundError: there is no such collection.
            SemblanceError: why the collection could not be loaded.
        """
        with self._lock:
            counted = self._find(name)
            counted.pins += 1
        try:
            yield counted.served if model is None else counted.served.answered_by(model)
        finally:
            self._release(counted)

    def check(self) -> None:
        """Ask every server that a generation in service needs whether it answers.

        Raises:
            EngineAwayError: one does not.
        """
        for name in self.names:
            with suppress(CollectionNotFoundError), self.pin(name) as served:
                served.generation.check()

    def sizes(self) -> dict[str, dict[str, int]]:
        """Return the numbers of images and captions of each collection in service, and its generation's number."""
        with self._lock:
            generations = {name: self._serving[name].served.generation for name in self._visible()}
        return {
            name: {
                "images": generation.catalog.image_count,
                "captions": generation.catalog.caption_count,
                "generation": generation.number,
            }
            for name, generation in generations.items()
        }

    @property
    def names(self) -> list[str]:
        """The collections in service, sorted."""
        with self._lock:
            return self._visible()

    @property
    def default(self) -> str | None:
        """The collection that answers when a request names none."""
        if self._default is not None and self._is_visible(self._default):
            return self._default
        known = set(filter(self._is_visible, (*self._serving, *self._refused, *(self._waiting or ()))))
        return known.pop() if len(known) == 1 else None

    def close(self) -> None:
        """Take everything out of service, once what is being loaded is there."""
        self._closed.set()
        with self._one_reload:
            pass
        for name in self.names:
            self._swap(name, None)

    def _find(self, name: str | None) -> _ReferenceCounted:
        waiting = self._waiting
        if waiting is None:
            raise NotReadyError("The service is starting.")
        name = name or self.default
        if name is None:
            there_are = ", ".join(self._visible()) or "none yet, make one with semblance index"
            raise CollectionChoiceError(f"Name a collection; there are: {there_are}.")
        self._check_visible(name)
        if name in self._serving:
            return self._serving[name]
        if name in self._refused:
            raise self._refused[name].with_traceback(None)  # it is raised by many requests, and each would add to it
        if name in waiting:
            raise NotReadyError(f"The collection {name!r} is being loaded.")
        raise CollectionNotFoundError(name, self._visible())

    def _visible(self) -> list[str]:
        return sorted(filter(self._is_visible, self._serving))

    def _check_visible(self, name: str) -> None:
        if not self._is_visible(name):
            raise CollectionNotFoundError(name, self._visible())

    def _release(self, counted: _ReferenceCounted) -> None:
        with self._lock:
            counted.pins -= 1
            done = counted.retired and not counted.pins
        if done:
            counted.served.generation.close()

    def _swap(self, name: str, new: ServedGeneration | None) -> None:
        with self._lock:
            old = self._serving.pop(name, None)
            if new is not None:
                self._serving[name] = _ReferenceCounted(new)
            if old is not None:
                old.retired = True
            done = old is not None and not old.pins
        if old is not None and done:
            old.served.generation.close()

    def _open(self, name: str, folder: Path) -> ServedGeneration:
        generation = open_current(folder)
        try:
            model = self._model or generation.models[0]
            models = {model: self._open_model(generation, model)}
            models |= self._open_others(generation, model)
        except BaseException:
            generation.close()
            raise
        log.info("collection loaded", collection=name, generation=generation.number, model=model)
        return ServedGeneration(name, generation, models, model)

    def _open_model(self, generation: Generation, model: str) -> ServedModel:
        images = generation.vector_set(model, "image")
        encoder = self._encoder_for(model)
        check_same_model(generation, encoder.encoder.card, "image")
        return ServedModel(encoder, images, self._matchers.fitting(generation, model))

    def _open_others(self, generation: Generation, but: str) -> dict[str, ServedModel]:
        """Return the models other than the default one; one that cannot be loaded is left out, and the log says why."""
        found = {}
        for model in generation.models:
            if model != but:
                try:
                    found[model] = self._open_model(generation, model)
                except SemblanceError as error:
                    log.warning("model left out", model=model, reason=str(error))
        return found

    def _pointer_of(self, name: str) -> Pointer | None:
        """Return what a collection's pointer says; None where there is none yet, or none that can be read."""
        try:
            return current_pointer(collection_dir(self._data_dir, name))
        except SemblanceError:
            return None

    def _pointer_in_service(self, name: str) -> Pointer | None:
        with self._lock:
            counted = self._serving.get(name)
            return counted.served.generation.pointer if counted else None
