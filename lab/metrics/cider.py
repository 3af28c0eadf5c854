r"""CIDEr-D: agreement of captions with several references, by n-grams weighted by tf-idf.

CIDEr-D, the form of CIDEr that captioning works report (Vedantam, Zitnick and Parikh, CVPR 2015, section 6): with
:math:`g^n(s)` the tf-idf of a sentence's n-grams, the document frequencies counted over the images' references,

.. math::
    \mathrm{CIDEr\text{-}D}_n(c, S) = \frac{10}{|S|} \sum_{s \in S}
        e^{-(l_c - l_s)^2 / 2 \sigma^2} \frac{\min(g^n(c), g^n(s)) \cdot g^n(s)}{\|g^n(c)\|\, \|g^n(s)\|}

with :math:`\sigma = 6`, averaged over n = 1..4. Words are as they stand: CIDEr-D leaves out the stemming of CIDEr.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

ORDERS = (1, 2, 3, 4)
SIGMA = 6.0

Words = Sequence[str]
_Weights = Mapping[tuple[str, ...], float]


class CiderD:
    """Scores captions of N images against their references.

    Args:
        references: for each image its references, each as words; at least one an image.
    """

    def __init__(self, references: Sequence[Sequence[Words]]) -> None:
        frequency: Counter[tuple[str, ...]] = Counter()
        for own in references:
            frequency.update({gram for words in own for gram in _grams(words)})
        self._frequency = frequency
        self._log_images = math.log(len(references)) if references else 0.0
        self._references = [[self._vectors(words) for words in own] for own in references]
        self._lengths = [[len(words) for words in own] for own in references]

    def scores(self, captions: Sequence[Words]) -> list[float]:
        """Score one caption an image, in 0..10 each."""
        return [
            self._score(words, own, lengths)
            for words, own, lengths in zip(captions, self._references, self._lengths, strict=True)
        ]

    def mean(self, captions: Sequence[Words]) -> float:
        """Score one caption an image, in 0..10: the figure that works report, some of them times 100."""
        scores = self.scores(captions)
        return sum(scores) / len(scores)

    def _score(self, words: Words, references: list[list[_Weights]], lengths: list[int]) -> float:
        mine = self._vectors(words)
        total = 0.0
        for theirs, length in zip(references, lengths, strict=True):
            penalty = math.exp(-((len(words) - length) ** 2) / (2 * SIGMA**2))
            total += penalty * sum(map(_clipped_cosine, mine, theirs)) / len(ORDERS)
        return 10 * total / len(references)

    def _vectors(self, words: Words) -> list[_Weights]:
        """Return the tf-idf of the n-grams of each order; one that no reference has counts as if one image had it."""
        vectors: list[dict[tuple[str, ...], float]] = [{} for _ in ORDERS]
        for gram, count in Counter(_grams(words)).items():
            vectors[len(gram) - 1][gram] = count * (self._log_images - math.log(max(1, self._frequency[gram])))
        return list(vectors)


def _grams(words: Words) -> list[tuple[str, ...]]:
    return [tuple(words[start : start + n]) for n in ORDERS for start in range(len(words) - n + 1)]


def _clipped_cosine(mine: _Weights, theirs: _Weights) -> float:
    norms = math.hypot(*mine.values()) * math.hypot(*theirs.values())
    dot = sum(min(weight, theirs[gram]) * theirs[gram] for gram, weight in mine.items() if gram in theirs)
    return dot / norms if norms else 0.0
