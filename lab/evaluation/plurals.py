"""Does ``giraffes`` find what ``giraffe`` finds?

Nouns are drawn from the captions of a set: words that stand behind an article and before a word of the closed classes
or the end, whose regular plural is in the captions, too. *Overlap* is the share of the ten best images that a noun and
its plural have in common; *precision* of either is the share of its ten best images whose captions have its stem.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.encoded import EncodedSet
from models.errors import InputError
from models.text.stems import STOP_WORDS, content_words, stem
from models.text.vocabulary import split_words
from models.types import Vectors

NOUNS = 100
_ARTICLES = frozenset({"a", "an", "the"})
_AT_LEAST = 2
"""Occurrences of the noun behind an article, and of its plural."""
_TOP = 10


def evaluate_plurals(
    encoded: EncodedSet,
    encode_texts: Callable[[Sequence[str]], Vectors],
    *,
    count: int = NOUNS,
    seed: int = 0,
) -> dict[str, Any]:
    """Ask for nouns and for their plurals; return overlap, precisions and the nouns of least overlap.

    Args:
        encoded: the set.
        encode_texts: of the model that encoded it.
        count: nouns to draw; fewer where there are fewer.
        seed: of the draw.

    Raises:
        InputError: fewer than 11 images, or captions with no noun in both forms.
    """
    if len(encoded.images) <= _TOP:
        raise InputError(f"the set has {len(encoded.images)} images: the best {_TOP} of them would always overlap")
    known = countable_nouns(encoded.data.captions)
    if not known:
        raise InputError("the captions have no noun in both singular and plural")
    nouns = [known[at] for at in np.sort(np.random.default_rng(seed).permutation(len(known))[:count])]
    singular, plural = (_best(encode_texts(words), encoded.images) for words in (nouns, list(map(plural_of, nouns))))
    shared = np.array([np.isin(one, other).mean() for one, other in zip(singular, plural, strict=True)])
    showing = _showing(encoded.data.captions, nouns)
    return {
        "nouns": len(nouns),
        "overlap": float(shared.mean()),
        "precision_singular": _precision(singular, showing),
        "precision_plural": _precision(plural, showing),
        "least": {nouns[at]: float(shared[at]) for at in np.argsort(shared, kind="stable")[:10]},
    }


def countable_nouns(captions: Sequence[Sequence[str]]) -> list[str]:
    """Return the nouns that captions have in singular and plural, the most frequent first."""
    words, behind_article = Counter[str](), Counter[str]()
    for sentence in (sentence for own in captions for sentence in own):
        split = split_words(sentence)
        words.update(split)
        for (before, word), (_, after) in pairwise(pairwise([*split, "of", "of"])):
            if before in _ARTICLES and after in STOP_WORDS and word not in STOP_WORDS:
                behind_article[word] += 1
    nouns = [word for word, seen in behind_article.items() if min(seen, words[plural_of(word)]) >= _AT_LEAST]
    return sorted(nouns, key=lambda word: (-behind_article[word], word))


def plural_of(noun: str) -> str:
    """Return the regular plural."""
    if re.search(r"(s|x|z|ch|sh)$", noun):
        return f"{noun}es"
    return re.sub(r"(?<![aeiou])y$", "ie", noun) + "s"


def _best(queries: Vectors, images: Vectors) -> NDArray[np.int64]:
    return np.argsort(-(queries @ images.T), axis=1, kind="stable")[:, :_TOP]


def _showing(captions: Sequence[Sequence[str]], nouns: Sequence[str]) -> NDArray[np.bool_]:
    """Return whether a caption of each image has each noun's stem, ``(N, W)``."""
    own = [{stem(word) for sentence in sentences for word in content_words(sentence)} for sentences in captions]
    return np.array([[stem(noun) in stems for noun in nouns] for stems in own])


def _precision(best: NDArray[np.int64], showing: NDArray[np.bool_]) -> float:
    return float(np.mean([showing[rows, noun].mean() for noun, rows in enumerate(best)]))
