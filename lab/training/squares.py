"""Photographs as squares of pixels, decoded once and kept, so that a GPU need not wait for processors that decode."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lab.data.pixels import Progress, prepared_batches
from lab.training.cached_array import cached_array
from models.cards import Preprocessing
from models.imaging.transforms import fit_square


def squares(
    files: Sequence[Path], preprocessing: Preprocessing, work_root: Path, on_progress: Progress | None = None
) -> NDArray[np.uint8]:
    """Return photographs as a model reads them whole, ``(N, S, S, 3)`` uint8: 200 KB each at S = 260.

    Args:
        files: the photographs.
        preprocessing: how pixels become the model's input.
        work_root: keeps them.
        on_progress: called with images done and total while they are decoded.
    """

    def read() -> NDArray[np.uint8]:
        size = preprocessing.size
        prepared = prepared_batches(files, size, lambda pixels: fit_square(pixels, preprocessing), on_progress)
        return np.concatenate(list(prepared))

    names = "\n".join(map(name_of, files))
    key = hashlib.sha256(f"{preprocessing.digest}\n{names}".encode()).hexdigest()[:16]
    return cached_array(work_root / "pixels" / f"{key}.npy", read)


def name_of(file: Path) -> str:
    """Return by what a photograph is known in caches, wherever the data lie: its set and its name."""
    return f"{file.parent.parent.name}/{file.name}"
