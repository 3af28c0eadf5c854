"""Computes the output of frozen layers for each training image once, and caches it on disk."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.data.pixels import read_batches
from lab.training.augment import training_view
from models.cards import Preprocessing
from models.imaging.decode import decode_image
from models.types import Pixels

_CHUNK = 512


def cached_features(
    files: Sequence[Path],
    preprocessing: Preprocessing,
    extract: Callable[[Pixels], NDArray[Any]],
    *,
    identity: str,
    cache: Path,
    view: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float16]:
    """Return ``(N, ...)`` float16 features of N images, from the cache where they are there.

    Args:
        files: the images.
        preprocessing: how pixels become the extractor's input.
        extract: ``(B, S, S, 3)`` uint8 to ``(B, ...)`` floats.
        identity: names the extractor and its weights; another identity is another cache.
        cache: folder; a killed run goes on where it stopped, 512 images at a time.
        view: of each image (see ``training_view``).
        on_progress: called with images done and total.
    """
    names = "\n".join(_name(file) for file in files)
    key = hashlib.sha256(f"{identity}\n{preprocessing.digest}\n{view}\n{names}".encode()).hexdigest()[:16]
    folder = cache / key
    chunks = []
    for start in range(0, len(files), _CHUNK):
        part = files[start : start + _CHUNK]
        chunks.append(cached_array(folder / f"{start:08d}.npy", partial(_extract, part, preprocessing, extract, view)))
        if on_progress:
            on_progress(min(start + _CHUNK, len(files)), len(files))
    return np.concatenate(chunks)


def cached_array(file: Path, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """Return the array in a file, computed and written first where it is not there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".partial")
        with unfinished.open("wb") as stream:
            np.save(stream, compute())
        unfinished.rename(file)
    array: NDArray[Any] = np.load(file, allow_pickle=False)
    return array


def _extract(
    files: Sequence[Path], preprocessing: Preprocessing, extract: Callable[[Pixels], NDArray[Any]], view: int
) -> NDArray[np.float16]:
    def read(file: Path) -> Pixels:
        pixels = decode_image(file.read_bytes(), shrink_to=preprocessing.size).pixels
        return training_view(pixels, view, zlib.crc32(_name(file).encode()), preprocessing)

    return np.concatenate([extract(batch).astype(np.float16) for batch in read_batches(files, read)])


def _name(file: Path) -> str:
    return f"{file.parent.parent.name}/{file.name}"
