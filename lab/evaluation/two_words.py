"""Does ``dog couch`` find dogs on couches?

The commonest pairs of content words that stand in one caption are asked for, each as its two words in the order in
which the captions mostly have them. An image is right where its captions, all together, have both words by stem.
*Precision* is the share of right images among the ten best, *possible* that of the best order: not every pair is in ten
images.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.encoded import EncodedSet
from models.errors import InputError
from models.text.stems import content_words, stem
from models.types import Vectors

PAIRS = 80
_TOP = 10


@dataclass(frozen=True)
class TwoWords:
    """P queries of two words, the commonest first.

    Attributes:
        texts: the queries.
        right: ``(P, N)``, whether an image's captions have both words.
    """

    texts: list[str]
    right: NDArray[np.bool_]


def evaluate_two_words(
    encoded: EncodedSet, encode_texts: Callable[[Sequence[str]], Vectors], *, count: int = PAIRS
) -> dict[str, Any]:
    """Ask for the commonest pairs; return precision at ten, the possible one, and the pairs of least precision.

    Args:
        encoded: the set.
        encode_texts: of the model that encoded it.
        count: of pairs; fewer where there are fewer.

    Raises:
        InputError: fewer than 11 images, or captions without two different content words.
    """
    if len(encoded.images) <= _TOP:
        raise InputError(f"the set has {len(encoded.images)} images: a top {_TOP} needs more than {_TOP}")
    asked = common_pairs(encoded.data.captions, count)
    if not asked.texts:
        raise InputError("no image has captions with two different content words")
    best = np.argsort(-(encode_texts(asked.texts) @ encoded.images.T), axis=1, kind="stable")[:, :_TOP]
    precision = np.take_along_axis(asked.right, best, axis=1).mean(axis=1)
    return {
        "pairs": len(asked.texts),
        "precision": float(precision.mean()),
        "possible": float(np.minimum(asked.right.sum(axis=1) / _TOP, 1).mean()),
        "least": {asked.texts[at]: float(precision[at]) for at in np.argsort(precision, kind="stable")[:10]},
    }


def common_pairs(captions: Sequence[Sequence[str]], count: int) -> TwoWords:
    """Return the pairs of content words that the most images have in one of their captions.

    Args:
        captions: for each of the N images.
        count: P.
    """
    images_with: defaultdict[str, set[int]] = defaultdict(set)
    forms: defaultdict[str, Counter[str]] = defaultdict(Counter)
    together, in_order = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for image, own in enumerate(captions):
        in_one: set[tuple[str, str]] = set()
        for words in map(content_words, own):
            order = list(dict.fromkeys(map(stem, words)))
            in_order.update(combinations(order, 2))
            for word in words:
                forms[stem(word)][word] += 1
                images_with[stem(word)].add(image)
            in_one.update(combinations(sorted(order), 2))
        together.update(in_one)
    pairs = sorted(together, key=lambda pair: (-together[pair], pair))[:count]
    turned = [(one, other) if in_order[one, other] >= in_order[other, one] else (other, one) for one, other in pairs]
    right = np.zeros((len(pairs), len(captions)), bool)
    for row, (one, other) in enumerate(pairs):
        right[row, list(images_with[one] & images_with[other])] = True
    return TwoWords([" ".join(forms[each].most_common(1)[0][0] for each in pair) for pair in turned], right)
