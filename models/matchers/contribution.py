r"""What a matcher adds to the score of a result that it re-ranks.

.. math:: s'(x) = \langle q, x \rangle + w \, m(\text{sentence}, x)

with the matcher's score m and the weight w of its card.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.composition import SHOWN_DECIMALS
from models.protocols import Matcher
from models.types import Features


def rerank_label(matcher: Matcher) -> str:
    """Return what a matcher's contribution is called in answers."""
    return f"rerank: {matcher.card.name}"


def rerank_contributions(matcher: Matcher, text: str, features: Features) -> NDArray[np.float64]:
    """Return w m for one sentence and M images of ``(M, *feature_shape)`` features, ``(M,)``, rounded as shares are."""
    scores = matcher.score(text, features).astype(np.float64)
    added: NDArray[np.float64] = np.round(matcher.card.weight * scores, SHOWN_DECIMALS)
    return added
