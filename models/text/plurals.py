"""A bare plural finds what its singular finds: it is read as both.

Captions rarely name things the way people ask for them: the vectors of ``giraffe`` and ``giraffes`` lie apart further
than their pictures do. A query of one word that looks like a plural becomes the mean of itself and its singular. What
only looks like one (``shorts``, ``news``, ``bus``) is told by its vector, which is far from that of the word without
its ending.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from models.types import Vectors

SAME_THING = 0.7
"""The least cosine of a plural and its singular. ``semblance evaluate plurals`` measures what comes of it."""


def singulars(text: str) -> list[str]:
    """Return what a text of one word may be the regular plural of, none where it is no plural or more than a word."""
    word = text.strip(" .!?,;:").lower()
    if len(word) < 4 or not word.isalpha() or not word.endswith("s") or word.endswith("ss"):
        return []
    found = [word[:-1]]
    if word.endswith("es"):
        found.append(word[:-2])
    if word.endswith("ies"):
        found.append(f"{word[:-3]}y")
    return found


def encode_plurals(encode: Callable[[Sequence[str]], Vectors], texts: Sequence[str]) -> Vectors:
    """Encode N texts as ``(N, D)``, each bare plural as the unit mean of itself and its nearest singular.

    Args:
        encode: M texts to ``(M, D)`` unit vectors; no vector may depend on the other texts.
        texts: to be encoded.
    """
    candidates = [(row, singular) for row, text in enumerate(texts) for singular in singulars(text)]
    encoded = encode([*texts, *(singular for _, singular in candidates)])
    plain, vectors = encoded[: len(texts)], encoded[: len(texts)].copy()
    nearest = np.full(len(texts), SAME_THING)
    for (row, _), singular in zip(candidates, encoded[len(texts) :], strict=True):
        cosine = float(plain[row] @ singular)
        if cosine >= nearest[row]:
            nearest[row] = cosine
            mean = plain[row] + singular
            vectors[row] = mean / np.linalg.norm(mean)
    return vectors
