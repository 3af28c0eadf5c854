"""Bags of stemmed words, weighted by tf-idf."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Self

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from models.errors import InputError
from models.text.stems import stems

Document = Sequence[str]
"""All sentences of one thing, such as the captions of one image."""


class StemTfidf:
    r"""tf-idf over Snowball stems, one unit vector a document.

    .. math:: x_t \propto \mathrm{tf}_t \left(\ln \frac{1 + N}{1 + \mathrm{df}_t} + 1\right)

    with N documents, of which :math:`\mathrm{df}_t` have the stem t (scikit-learn's smoothed idf). Fit on one set,
    apply to any; stems that the fitted set lacks are ignored, and a document without a known stem is the zero vector.
    """

    def __init__(self) -> None:
        self._vectoriser = TfidfVectorizer(analyzer=_stems_of, dtype=np.float32)

    def fit(self, documents: Sequence[Document]) -> Self:
        """Take vocabulary and idf from a set.

        Raises:
            InputError: no document has a content word.
        """
        try:
            self._vectoriser.fit(documents)
        except ValueError as error:  # scikit-learn's word for an empty vocabulary
            raise InputError(f"none of {len(documents)} documents has a content word") from error
        return self

    def transform(self, documents: Sequence[Document]) -> Any:
        """Return the documents as a ``scipy.sparse`` CSR matrix, ``(N, V)`` float32, rows of unit length."""
        return self._vectoriser.transform(documents)

    @property
    def vocabulary(self) -> list[str]:
        """The V stems, in the order of the columns."""
        return list(self._vectoriser.get_feature_names_out())


def _stems_of(document: Document) -> list[str]:
    return list(chain.from_iterable(map(stems, document)))
