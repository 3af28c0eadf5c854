r"""Pearson's correlation of predicted scores and relevances over the first R retrieved (Gordo & Larlus, CVPR 2017).

.. math:: \mathrm{PCC@}R = \frac{\sum_{i \le R} (s_i - \bar s)(g_i - \bar g)}
          {\sqrt{\sum_{i \le R} (s_i - \bar s)^2} \sqrt{\sum_{i \le R} (g_i - \bar g)^2}}
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def pearson_curve(scores: NDArray[Any], gains: NDArray[Any]) -> NDArray[np.float64]:
    """Return PCC@1 to PCC@R of each query, ``(Q, R)``.

    Where the first R scores, or their gains, are all the same, and so always at R = 1, no correlation is defined; it
    counts as 0.

    Args:
        scores: ``(Q, R)`` predicted scores of what was retrieved, best first.
        gains: ``(Q, R)`` relevances of the same.
    """
    # shifted by the first, so that a constant stretch has a variance of exactly 0
    x, y = (values.astype(np.float64) - values[:, :1] for values in (scores, gains))
    count = np.arange(1, x.shape[1] + 1)
    sum_x, sum_y = np.cumsum(x, axis=1), np.cumsum(y, axis=1)
    covariance = np.cumsum(x * y, axis=1) - sum_x * sum_y / count
    variance_x = np.cumsum(x * x, axis=1) - sum_x**2 / count
    variance_y = np.cumsum(y * y, axis=1) - sum_y**2 / count
    spread = np.sqrt(np.maximum(variance_x, 0)) * np.sqrt(np.maximum(variance_y, 0))
    correlation: NDArray[np.float64] = np.divide(covariance, spread, out=np.zeros_like(spread), where=spread > 0)
    correlation.clip(-1, 1, out=correlation)
    return correlation
