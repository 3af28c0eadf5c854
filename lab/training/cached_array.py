"""Keeps an array that takes long to compute in a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def cached_array(file: Path, compute: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """Return the array in a file, computed and written first where it is not there."""
    if not file.exists():
        computed = compute()
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(f".{os.getpid()}.partial")  # two trainings may compute the same
        with unfinished.open("wb") as stream:
            np.save(stream, computed)
        unfinished.replace(file)
    array: NDArray[Any] = np.load(file, allow_pickle=False)
    return array
