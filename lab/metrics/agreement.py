"""Agreement on triplets: which of two images is nearer to a query image.

A. Gordo, D. Larlus, "Beyond Instance-Level Image Retrieval: Leveraging Captions to Learn a Global Visual Representation
for Semantic Retrieval", CVPR 2017, section 3. Of the users asked about a triplet, ``o_1`` chose the first image,
``o_2`` the second and ``o_3`` neither.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def agreement_with_users(
    votes: NDArray[np.int64], first_scores: NDArray[np.floating], second_scores: NDArray[np.floating]
) -> float:
    """Return the mean of ``s = w · o_i / (o_1 + o_2)`` with ``w = (o_1 + o_2) / (o_1 + o_2 + o_3)``.

    ``i`` is the image that the model scores higher; where it scores both alike, or one is NaN, it agrees with nobody.
    The mean goes over the triplets of which somebody chose an image; NaN where there are none.

    Args:
        votes: ``(T, 3)``: o_1, o_2, o_3.
        first_scores: ``(T,)``, the model's.
        second_scores: ``(T,)``.
    """
    shares = agreement_shares(votes, first_scores, second_scores)
    decided = ~np.isnan(shares)
    return float(shares[decided].mean()) if decided.any() else float("nan")


def agreement_shares(
    votes: NDArray[np.int64], first_scores: NDArray[np.floating], second_scores: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return s of each triplet (see ``agreement_with_users``), ``(T,)``; NaN where nobody chose an image."""
    first, second, _ = votes.T
    agreeing = np.select([first_scores > second_scores, second_scores > first_scores], [first, second], 0)
    return np.where(first + second > 0, agreeing / votes.sum(axis=1).clip(1), np.nan)


def random_agreement(votes: NDArray[np.int64]) -> float:
    """Return the agreement that a random ranking of the ``(T, 3)`` triplets expects; below 1/2 where o_3 > 0."""
    decided = votes[votes[:, :2].sum(axis=1) > 0]
    return float((decided[:, :2].sum(axis=1) / 2 / decided.sum(axis=1)).mean()) if len(decided) else float("nan")


def inter_user_agreement(votes: NDArray[np.int64]) -> float:
    """Return the mean over all choices of ``s = w · (o_i - 1) / (o_1 + o_2 - 1)``, each compared with the other users'.

    ``w = (o_1 + o_2 - 1) / (o_1 + o_2 + o_3 - 1)``, and ``i`` is what the user left out chose. The mean goes over the
    triplets of which at least two users chose an image; NaN where there are none. The paper averages the choices of
    each user first; votes without names weigh every choice alike, the same where all users made equally many.

    Args:
        votes: ``(T, 3)``: o_1, o_2, o_3.
    """
    chosen = votes[votes[:, :2].sum(axis=1) >= 2]
    others = chosen.sum(axis=1, keepdims=True) - 1
    scores = (chosen[:, :2] - 1) / others
    return float((chosen[:, :2] * scores).sum() / chosen[:, :2].sum()) if len(chosen) else float("nan")
