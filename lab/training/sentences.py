"""Encodes many sentences, those of like length together, so that little is padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lab.data.pixels import Progress

_TOGETHER = 128


def encode_by_length(
    texts: Sequence[str],
    encode: Callable[[list[str]], NDArray[np.float32]],
    dimension: int,
    on_progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Encode M sentences, ``(M, D)``.

    Args:
        texts: the sentences.
        encode: at most 128 of them to ``(B, D)``.
        dimension: D.
        on_progress: called with sentences done and total.
    """
    vectors = np.empty((len(texts), dimension), np.float32)
    order, done = np.argsort([len(text) for text in texts]), 0
    for rows in np.array_split(order, len(order) // _TOGETHER + 1):
        vectors[rows] = encode([texts[row] for row in rows])
        done += len(rows)
        if on_progress:
            on_progress(done, len(texts))
    return vectors
