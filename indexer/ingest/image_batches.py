"""Turns files into rows, batch by batch: threads read and decode ahead of the encoder, which runs in the caller's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.ingest.image_pass import PassWorker
from indexer.ingest.image_reader import ImageReader, ReadFile
from indexer.ingest.prefetch import prefetch
from indexer.sources.base import FoundFile
from models.inference.batches import IMAGE_BATCH
from models.inference.execution import available_cores

_FILES_AHEAD = 4 * IMAGE_BATCH


@dataclass(frozen=True)
class EncodedBatch:
    """Files that were read and what was encoded of them; it can be pickled.

    Attributes:
        reads: of the files, without pixels.
        rows: of images that models lacked: a model, the images' keys, and a row for each.
    """

    reads: Sequence[ReadFile]
    rows: Sequence[tuple[str, Sequence[bytes], NDArray[Any]]]


def batches_here(
    reader: ImageReader, workers: Mapping[str, PassWorker], files: Sequence[FoundFile]
) -> Iterator[EncodedBatch]:
    """Read and encode files in this process, in their order; how far reading is ahead is bounded."""
    claimed: set[tuple[str, bytes]] = set()
    batch: list[ReadFile] = []
    to_encode = 0
    for read in prefetch(reader.read, files, threads=available_cores(), depth=_FILES_AHEAD):
        batch.append(read)
        to_encode += bool(read.prepared)
        if to_encode == IMAGE_BATCH or len(batch) == _FILES_AHEAD:
            yield encode_batch(batch, workers, claimed)
            batch, to_encode = [], 0
    if batch:
        yield encode_batch(batch, workers, claimed)


def encode_batch(
    batch: Sequence[ReadFile], workers: Mapping[str, PassWorker], claimed: set[tuple[str, bytes]]
) -> EncodedBatch:
    """Encode what no earlier file of the same content has brought.

    Args:
        batch: files that were read.
        workers: run the passes, by the names of their models.
        claimed: the passes and images that were encoded before; those of this batch are added.
    """
    new: list[tuple[str, Sequence[bytes], NDArray[Any]]] = []
    for name, worker in workers.items():
        inputs = {
            read.sha256: read.prepared[name]
            for read in batch
            if read.sha256 and name in read.prepared and (name, read.sha256) not in claimed
        }
        if inputs:
            claimed.update((name, key) for key in inputs)
            outputs = worker.run(np.stack(list(inputs.values())))
            new += [(model, list(inputs), rows) for model, rows in outputs.items()]
    return EncodedBatch([replace(read, prepared={}) for read in batch], new)
