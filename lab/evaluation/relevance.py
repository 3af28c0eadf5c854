"""How relevant one image of a set is to another: proxies for what people would say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class Relevance(Protocol):
    """Graded relevances between the N images of one set."""

    @property
    def name(self) -> str:
        """What the proxy is called."""
        ...

    def __call__(self, images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the relevance of every image to each of Q images, ``(Q, N)``, in 0..1."""
        ...


@runtime_checkable
class PairRelevance(Relevance, Protocol):
    """One that is slow, and can be asked for single pairs."""

    def pairs(self, images: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the relevance of P images to P others, ``(P,)``."""
        ...


def pair_relevances(relevance: Relevance, images: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the relevance of P images to P others, ``(P,)``."""
    if isinstance(relevance, PairRelevance):
        return relevance.pairs(images, others)
    rows, row_of = np.unique(images, return_inverse=True)
    return relevance(rows)[row_of, others]


class TfidfRelevance:
    """Inner product of unit tf-idf vectors over the stems of all captions of an image (Gordo & Larlus, CVPR 2017).

    Of their proxies it agreed best with people. Vocabulary and idf are computed on the evaluated set itself: the
    measure needs no other data and is the same for every model.

    Args:
        captions: for each of the N images.
        name: of the proxy.
    """

    def __init__(self, captions: Sequence[Sequence[str]], name: str = "tf-idf") -> None:
        from lab.evaluation.tfidf import StemTfidf

        self.name = name
        self._vectors: Any = StemTfidf().fit(captions).transform(captions)

    def __call__(self, images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the relevance of every image to each of Q images, ``(Q, N)``."""
        relevances: NDArray[np.float32] = (self._vectors[images] @ self._vectors.T).toarray()
        return relevances
