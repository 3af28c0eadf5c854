"""Whether the word that an explanation names most is the one that the score hangs on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.explain.pairs import Pairs
from lab.evaluation.explain.scores import Scores
from models.evidence import Evidence

_TOP = 10


def measure_words(
    pairs: Pairs, evidence: Sequence[Evidence], scores: Scores, seed: int
) -> dict[str, float | int] | None:
    """Leave out the top word of each query, and a random other one; None where no query has two words.

    Args:
        pairs: N of them.
        evidence: of each.
        scores: that are explained.
        seed: of the random words.

    Returns:
        ``top_beats_random``: share of queries that lose more score by the first than by the second; a tie counts half.
        ``recall``, ``without_top`` and ``without_random``: share that find their photograph among the best 10.
    """
    random = np.random.default_rng(seed)
    rows: list[int] = []
    whole: list[str] = []
    without_top: list[str] = []
    without_other: list[str] = []
    for pair, one in enumerate(evidence):
        words = one.words[0].words if one.words else ()
        if len(words) < 2:
            continue
        top = max(range(len(words)), key=lambda word: words[word].value)
        other = random.choice([word for word in range(len(words)) if word != top])
        text = pairs.texts[pair]
        rows.append(pair)
        whole.append(text)
        for left_out, into in ((top, without_top), (other, without_other)):
            into.append(_without(text, words[left_out].start, words[left_out].end))
    if not rows:
        return None
    found = scores.searched([*whole, *without_top, *without_other]).reshape(3, len(rows), -1)
    columns = scores.own[rows]
    own = found[:, np.arange(len(rows)), columns]
    lost, beaten = own[1] - own[0], own[2] - own[0]
    recalls = [_recall(kept, columns) for kept in found]
    return {
        "queries": len(rows),
        "top_beats_random": float(((lost < beaten) + 0.5 * (lost == beaten)).mean()),
        "recall": recalls[0],
        "without_top": recalls[1],
        "without_random": recalls[2],
    }


def _without(text: str, start: int, end: int) -> str:
    return " ".join((text[:start] + text[end:]).split())


def _recall(scores: NDArray[np.float32], own: NDArray[np.int64]) -> float:
    """Return the share of queries whose own image is among the best 10 of ``(N, M)``; a tie counts against it."""
    better = (scores >= scores[np.arange(len(own)), own][:, None]).sum(axis=1)
    return float((better <= _TOP).mean())
