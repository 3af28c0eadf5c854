"""Turns files and captions into stored vectors and features; reading and decoding, encoding, and writing overlap.

Threads read and decode ahead of the encoder, which runs in the caller's thread; one more thread writes. How far each
may be ahead of the next is bounded, and with it memory: what waits is only what the models take in, S x S pixels.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from indexer.catalog.base import CatalogWriter, ImageFacts, SeenFile, text_sha256
from indexer.ingest.image_pass import ImagePass
from indexer.ingest.overlap import Behind, ahead
from indexer.ingest.scan import FoundFile
from indexer.ingest.vector_shelf import VectorShelf
from models.errors import ImageError
from models.imaging.decode import ImageDecoder
from models.protocols import DualEncoder
from models.types import Pixels

IMAGES_AT_ONCE = 32
CAPTIONS_AT_ONCE = 64
MAX_FILE_BYTES = 256 * 2**20  # a larger file is no photograph, and reading it whole would fill the memory

_READ_AHEAD = 4 * IMAGES_AT_ONCE
_WRITE_BEHIND = 4

Stage = Literal["images", "captions"]
Progress = Callable[[Stage, int, int], None]
"""Called with the stage, how many are done and how many there are."""


@dataclass(frozen=True)
class _ReadFile:
    """A file that was read: what to note of it, and what each pass that it needs takes in."""

    file: FoundFile
    sha256: bytes | None = None
    facts: ImageFacts | None = None
    prepared: Mapping[str, Pixels] = field(default_factory=dict)
    failure: str | None = None
    unreadable: str | None = None


class ImageEncoding:
    """Runs several passes over image files and notes the files in the catalog."""

    def __init__(
        self,
        passes: Sequence[ImagePass],
        shelf: VectorShelf,
        catalog: CatalogWriter,
        known: Collection[bytes],
        decoder: ImageDecoder,
    ) -> None:
        """``known``: hashes of the images whose facts the catalog has."""
        self._passes = {one.card.name: one for one in passes}
        self._shelf, self._catalog, self._known, self._decoder = shelf, catalog, known, decoder
        self._shrink_to = max(one.card.preprocessing.size for one in passes)
        self._claimed: set[tuple[str, bytes]] = set()
        self.unreadable: list[tuple[str, str]] = []
        self.encoded: set[bytes] = set()

    def run(self, files: Sequence[FoundFile], progress: Progress) -> None:
        """Read, encode and store; files that do not decode are noted with the reason.

        Afterwards ``encoded`` holds the hashes of the images encoded, ``unreadable`` the files that could not be read.
        """
        batch: list[_ReadFile] = []
        to_encode = done = 0
        with Behind(_WRITE_BEHIND) as writer:
            for read in ahead(self._read, files, threads=available_cores(), depth=_READ_AHEAD):
                batch.append(read)
                to_encode += bool(read.prepared)
                if to_encode == IMAGES_AT_ONCE or len(batch) == _READ_AHEAD:
                    writer.do(self._encode(batch))
                    done += len(batch)
                    progress("images", done, len(files))
                    batch, to_encode = [], 0
            writer.do(self._encode(batch))
        progress("images", len(files), len(files))

    def _read(self, found: FoundFile) -> _ReadFile:
        """Read and, where a model lacks the image or the catalog its facts, decode one file (in a thread)."""
        if found.size > MAX_FILE_BYTES:
            return _ReadFile(found, failure=f"{found.size:,} bytes, more than the limit of {MAX_FILE_BYTES:,}")
        try:
            content = Path(found.path).read_bytes()
        except OSError as error:
            return _ReadFile(found, unreadable=error.strerror or str(error))
        sha256 = hashlib.sha256(content).digest()
        lacking = self._shelf.lacking("image", sha256)
        if not lacking and sha256 in self._known:
            return _ReadFile(found, sha256)
        try:
            photo = self._decoder.decode(content, shrink_to=self._shrink_to)
        except ImageError as error:
            return _ReadFile(found, failure=str(error))
        facts = ImageFacts(sha256, photo.width, photo.height, photo.format, photo.taken_at, photo.camera)
        prepared = {name: one.prepare(photo.pixels) for name, one in self._passes.items() if one.serves(lacking)}
        return _ReadFile(found, sha256, facts, prepared)

    def _encode(self, batch: Sequence[_ReadFile]) -> Callable[[], None]:
        """Encode what no earlier file of the same content has brought; return what is left to do: to write it."""
        new: list[tuple[str, list[bytes], NDArray[Any]]] = []
        for name, one in self._passes.items():
            inputs = {
                read.sha256: read.prepared[name]
                for read in batch
                if read.sha256 and name in read.prepared and (name, read.sha256) not in self._claimed
            }
            if inputs:
                self._claimed.update((name, key) for key in inputs)
                outputs = one.run(np.stack(list(inputs.values())))
                new += [(model, list(inputs), rows) for model, rows in outputs.items()]
        return lambda: self._write(batch, new)

    def _write(self, batch: Sequence[_ReadFile], new: Iterable[tuple[str, list[bytes], NDArray[Any]]]) -> None:
        """Store rows, then note the files: a file is never noted as an image before its rows are safe."""
        for model, keys, rows in new:
            self._shelf.append(model, "image", keys, rows)
            self.encoded.update(keys)
        self.unreadable += [(read.file.path, read.unreadable) for read in batch if read.unreadable]
        self._catalog.record(
            [read.facts for read in batch if read.facts],
            [
                SeenFile(read.file.path, read.file.size, read.file.mtime_ns, read.sha256, read.failure)
                for read in batch
                if not read.unreadable
            ],
        )


def encode_captions(
    captions: Iterable[str], encoders: Sequence[DualEncoder], shelf: VectorShelf, progress: Progress
) -> int:
    """Encode and store the captions that a model lacks; return how many there were."""
    lacking = {caption: shelf.lacking("text", text_sha256(caption)) for caption in captions}
    # Of similar length together: a batch is padded to its longest.
    waiting = sorted((caption for caption, models in lacking.items() if models), key=len)
    with Behind(_WRITE_BEHIND) as writer:
        for start in range(0, len(waiting), CAPTIONS_AT_ONCE):
            batch = waiting[start : start + CAPTIONS_AT_ONCE]
            for encoder in encoders:
                model = encoder.card.name
                texts = [caption for caption in batch if model in lacking[caption]]
                if texts:
                    keys, vectors = [text_sha256(text) for text in texts], encoder.encode_texts(texts)
                    writer.do(partial(shelf.append, model, "text", keys, vectors))
            progress("captions", start + len(batch), len(waiting))
    return len(waiting)


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
