"""Runs sentences of one length together, and never pads one: what else is in a batch must not change a vector.

Padding is masked, yet in bfloat16 it moves where sums are rounded: a caption may get another vector beside others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.inference.runner import Runner


class ByLength:
    """A ``Runner`` of token ids and mask ``(N, T)`` that hands on one batch for each length, without padding.

    Args:
        network: ids and mask ``(B, L)``, all real, to ``(B, D)``.
        dimension: D.
    """

    def __init__(self, network: Runner, dimension: int) -> None:
        self._network, self._dimension = network, dimension

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run N sentences, ``(N, D)``."""
        ids, mask = inputs
        lengths = mask.sum(axis=1)
        outputs = np.empty((len(ids), self._dimension), np.float32)
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            outputs[rows] = self._network(ids[rows, :length], mask[rows, :length])
        return outputs
