"""The mean of the vectors of some words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.text.vocabulary import RESERVED


def mean_vector(matrix: NDArray[np.float32], numbers: list[int]) -> NDArray[np.float32]:
    """Return the mean of the words' vectors, ``(300,)``; numbers of no word do not count, and of none the mean is 0."""
    known = [number for number in numbers if number >= RESERVED]
    if not known:
        return np.zeros(matrix.shape[1], np.float32)
    mean: NDArray[np.float32] = matrix[known].mean(axis=0)
    return mean
