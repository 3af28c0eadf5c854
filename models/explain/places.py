r"""Which places of a picture a score comes from, in units of the score, without gradients.

The pooled features of a picture are the sum of what its places add. On the way from the mean picture
:math:`\bar x` to this one, every place's share :math:`\phi_g` of the change is followed (Aumann and Shapley 1974;
Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017, with places in the stead of pixels):

.. math:: \phi_g = \int_0^1 \Bigl\langle q, \frac{\partial}{\partial \alpha_g} f(\bar x + \sum_h \alpha_h d_h)
          \Bigr\rangle d\alpha, \qquad \sum_g \phi_g = s(x) - s(\bar x)

with :math:`d_g` what place g adds beyond its part of the mean. Each of ``LEVELS`` levels of the way is gone place by
place, in a drawn order and back to front; a place has the mean of what its two steps change. So the sum is exact where
a derivative would miss the jumps of the block of class names; what is left over is rounding. It is linear in q: one
pass gives the places as vectors, whose inner product with any query, term or word is its map.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.inference.runner import Runner
from models.types import Pixels, Vectors

GRID = 7
"""Places a side."""
LEVELS = 5

Features = NDArray[np.float32]


class PlaceVectors:
    """Takes pictures apart into places.

    Args:
        shares: ``(1, S, S, 3)`` uint8 to what each place adds to the features, ``(1, GRID * GRID * F)``.
        linear: features ``(N, F)`` to ``(N, L)``, an affine map.
        vectors: ``(N, L)`` to ``(N, D)`` unit vectors.
        mean: ``(F,)`` features of the mean picture.
    """

    def __init__(self, shares: Runner, linear: Runner, vectors: Runner, mean: Features) -> None:
        self._shares, self._linear, self._vectors, self._mean = shares, linear, vectors, mean

    @cached_property
    def _start(self) -> Features:
        """What the linear layers make of the mean picture, ``(1, L)``."""
        return self._linear(self._mean[None])

    @cached_property
    def origin(self) -> Vectors:
        """The vector of the mean picture, ``(D,)``: the baseline's."""
        vector: Vectors = self._vectors(self._start)[0]
        return vector

    def shares(self, pixels: Pixels) -> Features:
        """Return what each place of a prepared picture ``(S, S, 3)`` adds to its features, ``(GRID * GRID, F)``."""
        return self._shares(pixels[None]).reshape(GRID * GRID, -1)

    def of(self, shares: Features) -> Vectors:
        """Return what each place adds to the picture's vector, ``(GRID * GRID, D)``.

        Their sum and ``origin`` are the vector, but for the rest.
        """
        places, start = len(shares), self._start
        # of d_g, a level's part: the map is affine
        steps: Features = (self._linear(shares * places) - start) / np.float32(places * LEVELS)
        random = np.random.default_rng(0)  # the same picture has the same map
        orders = [order for _ in range(LEVELS) for order in _both_ways(random.permutation(places))]
        starts = start + np.repeat(np.arange(LEVELS, dtype=np.float32), 2)[:, None] * steps.sum(axis=0)
        paths = starts[:, None] + np.stack([_sums(steps[order]) for order in orders])
        ends = self._vectors(paths.reshape(-1, paths.shape[-1])).reshape(len(orders), places + 1, -1)
        found = np.zeros((places, ends.shape[-1]), np.float32)
        for order, along in zip(orders, np.diff(ends, axis=1), strict=True):
            found[order] += along / 2
        return found


def _both_ways(order: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return order, order[::-1]


def _sums(steps: Features) -> Features:
    """Return the sums of the first 0, 1, … of ``(P, L)`` steps, ``(P + 1, L)``."""
    return np.concatenate([np.zeros_like(steps[:1]), steps.cumsum(axis=0)])
