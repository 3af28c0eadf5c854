"""Reads and encodes files in a process other than the one that indexes, with its own models."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from indexer.errors import SourceError, UnlikeWorkerError
from indexer.ingest.encoded_vectors import KnownImages
from indexer.ingest.image_batches import EncodedBatch, encode_batch
from indexer.ingest.image_pass import ImagePass, PassWorker
from indexer.ingest.image_reader import ImageReader
from indexer.sources.base import FoundFile
from indexer.sources.opening import photo_source
from models.cards import EncoderCard, MatcherCard, ModelIdentity
from models.imaging.decode_pool import DecoderPool
from models.imaging.formats import DECODER_REVISION
from models.imaging.limits import DecodeLimits
from models.inference.cache_folder import cache_folder
from models.library import InstalledModels


@dataclass(frozen=True)
class WorkerTask:
    """What a worker has to know; it can be pickled.

    Attributes:
        passes: run over the images, with their execution.
        roots: of the source.
        missing_roots: those that are not there.
        made_by: what the rows are made by, as ``identities`` tells.
        limits: of decoding.
        known: the images that had been encoded when the run began.
        revisions: of the decoder that read it, by the SHA-256 of each image that the catalog had then.
        added_at: noted of images that are new.
        cores: how many threads and processes read and decode.
        decoder_revision: of the process that indexes.
    """

    passes: tuple[ImagePass, ...]
    roots: tuple[str, ...]
    missing_roots: tuple[str, ...]
    made_by: tuple[ModelIdentity, ...]
    limits: DecodeLimits
    known: KnownImages
    revisions: Mapping[bytes, int]
    added_at: datetime
    cores: int
    decoder_revision: int = DECODER_REVISION


class ImageWorker:
    """Reads and encodes files, safe in many threads; models are loaded when they are first needed."""

    def __init__(self, task: WorkerTask) -> None:
        self._task, self._guard = task, threading.Lock()
        self._threads = ThreadPoolExecutor(task.cores, "read")
        self._decoder = DecoderPool(task.cores, task.limits)
        self._loaded: tuple[ImageReader, Mapping[str, PassWorker]] | None = None

    def ready(self) -> None:
        """Load the models.

        Raises:
            UnlikeWorkerError: the models or the decoder here differ from those of the process that indexes.
            SourceError: the photographs are not to be seen from here.
        """
        self._load()

    def encode(self, files: Sequence[FoundFile]) -> EncodedBatch:
        """Read files and encode those images that models lack; raises as ``ready`` and ``ImageReader.read``."""
        reader, workers = self._load()
        return encode_batch(list(self._threads.map(reader.read, files)), workers, set())

    def close(self) -> None:
        """End the threads and processes that read and decode."""
        self._threads.shutdown()
        self._decoder.close()

    def _load(self) -> tuple[ImageReader, Mapping[str, PassWorker]]:
        with self._guard:
            if self._loaded is None:
                self._loaded = self._loaded_for(self._task)
            return self._loaded

    def _loaded_for(self, task: WorkerTask) -> tuple[ImageReader, Mapping[str, PassWorker]]:
        source = photo_source(task.roots)
        if missing := set(source.missing_roots()) - set(task.missing_roots):
            raise SourceError(f"a worker's machine does not have {', '.join(sorted(missing))}: mount it there, too")
        library = InstalledModels(task.passes[0].execution, cache_folder())
        workers = [one.load(library) for one in task.passes]
        if identities(workers) != task.made_by or task.decoder_revision != DECODER_REVISION:
            raise UnlikeWorkerError
        by_name = {worker.card.name: worker for worker in workers}
        reader = ImageReader(source, by_name, task.known, task.revisions, self._decoder, task.added_at)
        return reader, by_name


def identities(workers: Sequence[PassWorker]) -> tuple[ModelIdentity, ...]:
    """Return what makes the rows of some passes: names, weights and preprocessing."""
    return tuple(_identity(card) for worker in workers for card in worker.gives)


def _identity(card: EncoderCard | MatcherCard) -> ModelIdentity:
    return card.identity_of("image") if isinstance(card, EncoderCard) else card.identity
