r"""Normalised discounted cumulative gain (Järvelin & Kekäläinen 2002) with graded relevances as gains.

.. math:: \mathrm{DCG@}R = \sum_{i=1}^{R} \frac{g_i}{\log_2(i + 1)}, \qquad
          \mathrm{NDCG@}R = \frac{\mathrm{DCG@}R}{\mathrm{DCG@}R \text{ of the ideal order}}
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def ndcg_curve(gains: NDArray[Any], ideal: NDArray[Any]) -> NDArray[np.float64]:
    """Return NDCG@1 to NDCG@R of each query, ``(Q, R)``; 0 where nothing is relevant.

    Args:
        gains: ``(Q, R)``, of what was retrieved, best first.
        ideal: ``(Q, R)``, the highest gains that there are, in descending order.
    """
    discounts = 1 / np.log2(np.arange(2, gains.shape[1] + 2))
    best = np.cumsum(ideal * discounts, axis=1)
    return np.divide(np.cumsum(gains * discounts, axis=1), best, out=np.zeros_like(best), where=best > 0)


def ideal_gains(relevance: NDArray[Any], depth: int) -> NDArray[Any]:
    """Return the ``depth`` highest of each row of ``(Q, N)`` relevances, in descending order."""
    return -np.sort(np.partition(-relevance, depth - 1, axis=1)[:, :depth], axis=1)
