"""Image files as batches of pixels, read in threads while the batch before is computed on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from models.imaging.decode import decode_image
from models.inference.batches import IMAGE_BATCH
from models.inference.execution import available_cores
from models.types import Pixels

Progress = Callable[[int, int], None]
"""Called with images done and total."""

_BATCHES_AHEAD = 2
"""That are read before they are asked for: more would only fill the memory."""


def read_batches(files: Sequence[Path], read: Callable[[Path], Pixels]) -> Iterator[Pixels]:
    """Yield what ``read`` makes of each file, ``(S, S, 3)``, as batches ``(B, S, S, 3)`` of at most ``IMAGE_BATCH``."""
    with ThreadPoolExecutor(available_cores()) as pool:
        reading: deque[Iterator[Pixels]] = deque()
        for start in range(0, len(files), IMAGE_BATCH):
            reading.append(pool.map(read, files[start : start + IMAGE_BATCH]))
            if len(reading) > _BATCHES_AHEAD:
                yield np.stack(list(reading.popleft()))
        while reading:
            yield np.stack(list(reading.popleft()))


def prepared_batches(
    files: Sequence[Path],
    size: int,
    prepare: Callable[[Pixels], Pixels],
    on_progress: Progress | None = None,
) -> Iterator[Pixels]:
    """Decode image files and prepare each, as batches ``(B, S, S, 3)``.

    Args:
        files: the images.
        size: S, of the prepared square in pixels.
        prepare: ``(H, W, 3)`` to ``(S, S, 3)``.
        on_progress: called behind each batch.
    """
    done = 0
    for batch in read_batches(files, lambda file: prepare(decode_image(file.read_bytes(), shrink_to=size).pixels)):
        yield batch
        done += len(batch)
        if on_progress:
            on_progress(done, len(files))
