"""Runs sentences of one padded length together: what else is in a batch must not change a vector.

Padding is masked, yet in bfloat16 it moves where sums are rounded: were sentences padded to the longest of their batch,
one might get another vector beside others. So each is padded to a length that is its own: the next multiple of
``STEP``, of which there are few, so that the batches of a busy service stay large.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.inference.runner import Runner

STEP = 8
"""In tokens: a sentence is computed with half of that as padding, which costs less than small batches would."""


_NO_LIMIT = 1_000_000


class ByLength:
    """A ``Runner`` of token ids and mask ``(N, T)``, and what else each sentence has, by one batch a padded length.

    Args:
        network: ids and mask ``(B, L)`` to ``(B, D)``, L a multiple of ``STEP`` or ``longest``.
        dimension: D.
        longest: the network's own limit of L; a sentence has no more tokens.
    """

    def __init__(self, network: Runner, dimension: int, longest: int = _NO_LIMIT) -> None:
        self._network, self._dimension, self._longest = network, dimension, longest

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run N sentences, ``(N, D)``."""
        lengths = np.minimum(-(-inputs[1].sum(axis=1) // STEP) * STEP, self._longest)
        room = ((0, 0), (0, int(lengths.max(initial=0))))
        ids, mask = (np.pad(array, room) for array in inputs[:2])
        outputs = np.empty((len(ids), self._dimension), np.float32)
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            others = (array[rows] for array in inputs[2:])
            outputs[rows] = self._network(ids[rows, :length], mask[rows, :length], *others)
        return outputs
