"""The most frequent content words of a captioned set."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.text.stems import content_words, stem


@dataclass(frozen=True)
class FrequentWords:
    """W words, each standing for its stem.

    Attributes:
        texts: the form of each stem that the captions use most.
        present: ``(N, W)``, whether a caption of the image has the stem.
    """

    texts: tuple[str, ...]
    present: NDArray[np.bool_]


def frequent_words(captions: Sequence[Sequence[str]], count: int) -> FrequentWords:
    """Return the ``count`` stems (fewer where there are fewer) that are in the most captions, the most frequent first.

    Args:
        captions: for each of the N images.
        count: W.
    """
    captions_with: Counter[str] = Counter()
    forms: defaultdict[str, Counter[str]] = defaultdict(Counter)
    images_with: defaultdict[str, list[int]] = defaultdict(list)
    for image, sentences in enumerate(captions):
        for sentence in sentences:
            words = content_words(sentence)
            for word in words:
                forms[stem(word)][word] += 1
            found = {stem(word): None for word in words}  # a set that keeps its order
            captions_with.update(found.keys())
            for each in found:
                images_with[each].append(image)
    frequent = [each for each, _ in captions_with.most_common(count)]
    present = np.zeros((len(captions), len(frequent)), bool)
    for column, each in enumerate(frequent):
        present[images_with[each], column] = True
    return FrequentWords(tuple(forms[each].most_common(1)[0][0] for each in frequent), present)
