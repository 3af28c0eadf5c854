"""The tf-idf that ships: vocabulary and idf of the training captions, shared by the models that read bags of stems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from models.checkpoint import load_part_arrays
from models.text.packed_words import unpack_words
from models.text.stems import stems

STEM_BAGS = "tfidf"
"""Name of the shared part."""


class StemBags:
    r"""Turns documents into unit tf-idf vectors as ``StemTfidf`` does, without scikit-learn.

    .. math:: x_t \propto \mathrm{tf}_t \, \mathrm{idf}_t

    Args:
        vocabulary: V stems.
        idf: of each, ``(V,)``.
    """

    def __init__(self, vocabulary: Sequence[str], idf: NDArray[np.float32]) -> None:
        self._columns = {stem: column for column, stem in enumerate(vocabulary)}
        self._idf = idf

    def __len__(self) -> int:
        return len(self._columns)

    def __call__(self, documents: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """Return ``(N, V)`` rows of unit length, or zero where no stem of the document is known.

        Args:
            documents: for each all its sentences.
        """
        bags = np.zeros((len(documents), len(self)), np.float32)
        for bag, document in zip(bags, documents, strict=True):
            for stem, count in Counter(chain.from_iterable(map(stems, document))).items():
                if (column := self._columns.get(stem)) is not None:
                    bag[column] = count * self._idf[column]
        bags /= np.maximum(np.linalg.norm(bags, axis=1, keepdims=True), 1e-12)
        return bags


def fit_stem_bags(documents: Sequence[Sequence[str]], at_least: int) -> tuple[list[str], NDArray[np.float32]]:
    r"""Return vocabulary, by the alphabet, and idf :math:`\ln \frac{1 + N}{1 + \mathrm{df}_t} + 1` of N documents.

    Args:
        documents: for each all its sentences.
        at_least: how often a stem occurs in all of them together to be kept.
    """
    bags = [list(chain.from_iterable(map(stems, document))) for document in documents]
    occurrences, having = Counter(chain.from_iterable(bags)), Counter(chain.from_iterable(map(set, bags)))
    vocabulary = sorted(stem for stem, count in occurrences.items() if count >= at_least)
    frequencies = np.array([having[stem] for stem in vocabulary])
    return vocabulary, (np.log((1 + len(documents)) / (1 + frequencies)) + 1).astype(np.float32)


def load_stem_bags(expected_sha256: str | None = None) -> StemBags:
    """Load the shared tf-idf.

    Raises:
        UnknownModelError: it does not ship.
        CheckpointError: missing, damaged, or another than expected.
    """
    stored = load_part_arrays(STEM_BAGS, expected_sha256)
    return StemBags(unpack_words(stored["words"]), stored["idf"])
