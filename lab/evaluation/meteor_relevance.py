r"""Relevance by METEOR between the captions of two images (Gordo & Larlus, CVPR 2017, section 4).

.. math:: K(X, Y) = \frac{1}{|X| + |Y|} \Bigl(\sum_{x \in X} \max_{y \in Y} M(x, y)
          + \sum_{y \in Y} \max_{x \in X} M(x, y)\Bigr)

with :math:`M(x, y)` the METEOR score of x against y.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lab.metrics.meteor import meteor

Similarity = Callable[[str, str], float]


class MeteorRelevance:
    """The match kernel of METEOR, 25 alignments for two images of five captions each.

    Rows are computed when they are first asked for, and kept: a thousand images ask for 25 million alignments in all,
    some 20 minutes of one core.

    Args:
        captions: for each of the N images.
    """

    name = "METEOR"

    def __init__(self, captions: Sequence[Sequence[str]]) -> None:
        self._captions = list(captions)
        self._rows: dict[int, NDArray[np.float32]] = {}

    def __call__(self, images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the relevance of every image to each of Q images, ``(Q, N)``."""
        return np.stack([self._row(int(image)) for image in images])

    def pairs(self, images: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the relevance of P images to P others, ``(P,)``."""
        pairs = zip(images.tolist(), others.tolist(), strict=True)
        return np.array([match_kernel(self._captions[x], self._captions[y], _meteor) for x, y in pairs], np.float32)

    def _row(self, image: int) -> NDArray[np.float32]:
        if image not in self._rows:
            own = self._captions[image]
            kernel = [match_kernel(own, captions, _meteor) for captions in self._captions]
            self._rows[image] = np.array(kernel, np.float32)
        return self._rows[image]


def match_kernel(left: Sequence[str], right: Sequence[str], similarity: Similarity) -> float:
    """Return K(X, Y) of two sets of at least one sentence each."""
    scores = np.array([[similarity(x, y) for y in right] for x in left])
    return float((scores.max(axis=1).sum() + scores.max(axis=0).sum()) / sum(scores.shape))


def _meteor(hypothesis: str, reference: str) -> float:
    return meteor(hypothesis, [reference])
