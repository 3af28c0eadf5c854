r"""The rules of excitation back-propagation: how a unit hands its probability down to those that excite it.

Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016. With the response :math:`a_j` of a unit and
its weight :math:`w_{ij}` in unit i above it,

.. math:: P(a_j) = \sum_i P(a_i) \frac{(w_{ij} a_j)^+}{\sum_k (w_{ik} a_k)^+}

Of a response that is not negative, as all are in the paper, the excitatory weights alone count. Standardised features
and vectors of words are negative, too: a negative response over a negative weight excites as well. Biases excite
nobody: what a unit has only by its bias is lost, so that what is handed down and what is lost add up to what there was.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Handed(NamedTuple):
    """What came of a layer's probability.

    Attributes:
        below: of each unit below, ``(N,)``.
        lost: of units that nothing excites.
    """

    below: Array
    lost: float


def through_layer(above: Array, contributions: Array) -> Handed:
    """Hand down the probability of M units, or the difference of two.

    Args:
        above: ``(M,)``.
        contributions: :math:`w_{ij} a_j`, ``(M, N)``.
    """
    exciting = contributions.clip(min=0)
    totals = exciting.sum(axis=1)
    excited = totals > 0
    below = (above[excited] / totals[excited]) @ exciting[excited]
    return Handed(below, float(above[~excited].sum()))


def through_sum(above: Array, first: Array, second: Array) -> tuple[Array, Array]:
    """Share the probability ``(M,)`` of M sums out among their two summands, ``(M,)`` each and not negative.

    A sum of 0 has no probability to share: nothing above it is excited by it.
    """
    total = first + second
    share = np.divide(first, total, out=np.zeros_like(total), where=total > 0)
    return above * share, above * (1 - share)
