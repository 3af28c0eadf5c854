"""How much each word of a query adds to a score."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


@dataclass(frozen=True)
class WordSaliency:
    """One word of a text: where it stands, and what it adds.

    Attributes:
        word: as written.
        start: offset of its first character in the text.
        end: offset behind its last character.
        value: the score minus the score without the word; negative where the word speaks against the image.
    """

    word: str
    start: int
    end: int
    value: float


def leave_one_out(text: str, score: Callable[[Sequence[str]], NDArray[np.float32]]) -> list[WordSaliency]:
    """Measure each word by leaving it out (Li, Monroe and Jurafsky 2016, representation erasure).

    Args:
        text: the query; words are runs of letters and digits with inner hyphens and apostrophes.
        score: of several texts at once, ``(N,)``. The last of them is empty where the text has a single word.

    Returns:
        The words in the order of the text; of a text without words, none.
    """
    words = list(_WORD.finditer(text))
    if not words:
        return []
    without = [" ".join((text[: w.start()] + text[w.end() :]).split()) for w in words]
    scores = score([text, *without])
    return [
        WordSaliency(w.group(), w.start(), w.end(), float(scores[0] - rest))
        for w, rest in zip(words, scores[1:], strict=True)
    ]
