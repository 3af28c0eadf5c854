"""Signed words on real queries: does ``image +beach`` bring beaches, and does the image remain in it?

For a query image q and a word w, the composed query is the service's ``unit(v_q + a t_w)`` (``t_w``: the bare word,
encoded), asked of all other images. *Lift* is how much the share of the top 10 whose captions have w's stem moves the
wanted way: upwards for ``+w``, asked where no caption of q has w; downwards for ``-w``, asked where one has.
*Retention* is what is left of the query: mean NDCG@10 by relevance to q's own captions, after / before. Those captions
name what ``-w`` takes away, so that a part of its loss is intended.

Two words at once, each at the weight by the root of two as the service has it, are measured alike: ``+w +u`` where no
caption of q has either, ``+w -u`` where one has u; their lift is that of w.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.encoded import EncodedSet
from lab.evaluation.frequent_words import frequent_words
from lab.evaluation.relevance import Relevance
from lab.metrics.ndcg import ideal_gains, ndcg_curve
from lab.metrics.ordering import top_ranked, without_self
from models.errors import InputError
from models.types import Vectors

WEIGHTS = tuple(round(0.1 * step, 1) for step in range(1, 21))
MIN_RETENTION = 0.7
_WORDS = 200
_PAIRS, _QUERIES_PER_PAIR = 120, 10
_TOP = 10


@dataclass(frozen=True)
class Side:
    """One sign's figures, fractions of 1.

    Attributes:
        lift: for each weight, of the share of the top 10.
        retention: for each weight.
        possible: the lift that the best order of the other images would bring.
        before: the share without the modifier.
    """

    lift: NDArray[np.float64]
    retention: NDArray[np.float64]
    possible: float
    before: float

    def as_dict(self) -> dict[str, Any]:
        """Return the figures with plain numbers."""
        return {
            "lift": self.lift.tolist(),
            "retention": self.retention.tolist(),
            "possible": self.possible,
            "before": self.before,
        }

    def at(self, weight: int) -> dict[str, float]:
        """Return lift and retention at one weight, by its index."""
        return {"lift": float(self.lift[weight]), "retention": float(self.retention[weight])}


def evaluate_modifiers(
    encoded: EncodedSet,
    encode_texts: Callable[[Sequence[str]], Vectors],
    relevance: Relevance,
    *,
    weights: Sequence[float] = WEIGHTS,
    queries_per_word: int = 50,
    seed: int = 0,
) -> dict[str, Any]:
    """Sweep the weight of a modifier over the 200 most frequent content words.

    The default weight is the one of the largest lift for ``+w`` among those that retain at least 0.7 (the lightest,
    should none do so).

    Args:
        encoded: the set.
        encode_texts: of the model that encoded it.
        relevance: of its images to each other.
        weights: positive magnitudes, ascending.
        queries_per_word: query images of each word and sign, drawn without repetition; fewer where there are fewer.
        seed: of that draw.

    Raises:
        InputError: fewer than 11 images, or captions that do not differ in any of the words.
    """
    if len(encoded.images) <= _TOP:
        raise InputError(f"the set has {len(encoded.images)} images: a top {_TOP} of others needs more than {_TOP}")
    words = frequent_words(encoded.data.captions, _WORDS)
    if not (words.present.any(axis=0) & ~words.present.all(axis=0)).any():
        raise InputError("the captions have no word that some images have and others lack: nothing to add or take away")
    towards = encode_texts(words.texts) @ encoded.images.T
    sweep = Sweep(encoded.images, towards, relevance, np.array([0, *weights]))
    random = np.random.default_rng(seed)
    plus = sweep.side(_draw(~words.present, queries_per_word, random), words.present, sign=1)
    minus = sweep.side(_draw(words.present, queries_per_word, random), ~words.present, sign=-1)
    kept = np.flatnonzero(plus.retention >= MIN_RETENTION)
    best = int(kept[np.argmax(plus.lift[kept])]) if len(kept) else 0
    return {
        "weights": list(weights),
        "plus": plus.as_dict(),
        "minus": minus.as_dict(),
        "default_weight": float(weights[best]),
        "at_default": {"plus": plus.at(best), "minus": minus.at(best)},
        "pairs": {
            name: _pairs(sweep, words.present, sign, random).as_dict() for name, sign in (("plus", 1), ("minus", -1))
        },
    }


def _pairs(sweep: Sweep, present: NDArray[np.bool_], sign: int, random: np.random.Generator) -> Side:
    """Measure ``+w +u`` or, by the sign, ``+w -u``, of random words of ``(N, W)`` that are present in images."""
    pulls, queries, wanted = [], [], []
    for word, other in (random.choice(present.shape[1], 2, replace=False) for _ in range(_PAIRS)):
        rows = np.flatnonzero(~present[:, word] & (present[:, other] != (sign > 0)))
        queries.append(random.permutation(rows)[:_QUERIES_PER_PAIR])
        pulls.append((sweep.towards[word] + sign * sweep.towards[other]) / np.sqrt(2))
        wanted.append(present[:, word])
    return replace(sweep, towards=np.stack(pulls)).side(queries, np.stack(wanted, axis=1), 1)


@dataclass(frozen=True)
class Sweep:
    """Asks composed queries at every weight.

    Attributes:
        images: ``(N, D)`` unit vectors.
        towards: ``(W, N)``, inner product of each word with each image.
        relevance: of the images to each other.
        weights: ``(A,)`` magnitudes, the first 0.
    """

    images: Vectors
    towards: Vectors
    relevance: Relevance
    weights: NDArray[np.float64]

    def side(self, queries: Sequence[NDArray[np.int64]], wanted: NDArray[np.bool_], sign: int) -> Side:
        """Measure one sign.

        Args:
            queries: for each word its query images.
            wanted: ``(N, W)``, whether an image is what the modifier asks for.
            sign: of the weights.
        """
        parts = [self._word(word, rows, wanted[:, word], sign) for word, rows in enumerate(queries) if len(rows)]
        share, attainable, ndcg = (np.concatenate(values, axis=-1).mean(axis=-1) for values in zip(*parts, strict=True))
        return Side(
            lift=share[1:] - share[0],
            retention=ndcg[1:] / ndcg[0],
            possible=float(attainable - share[0]),
            before=float(share[0] if sign > 0 else 1 - share[0]),
        )

    def _word(
        self, word: int, rows: NDArray[np.int64], wanted: NDArray[np.bool_], sign: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return each query's share of wanted images ``(A, Q)``, the attainable one ``(Q,)`` and NDCG@10 ``(A, Q)``."""
        scores = without_self(self.images[rows] @ self.images.T, rows)
        pull = without_self(np.tile(self.towards[word], (len(rows), 1)), rows)
        hits = without_self(np.tile(wanted, (len(rows), 1)), rows)
        gains = without_self(self.relevance(rows), rows)
        ideal = ideal_gains(gains, _TOP)
        shares, ndcgs = [], []
        for weight in self.weights:
            top = top_ranked(scores + sign * weight * pull, gains, _TOP)  # unit length would not change the order
            shares.append(np.take_along_axis(hits, top, axis=1).mean(axis=1))
            ndcgs.append(ndcg_curve(np.take_along_axis(gains, top, axis=1), ideal)[:, -1])
        return np.array(shares), np.minimum(hits.sum(axis=1) / _TOP, 1), np.array(ndcgs)


def _draw(eligible: NDArray[np.bool_], count: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    """Draw up to ``count`` of the images ``(N, W)`` that each word may be asked with."""
    return [random.permutation(np.flatnonzero(column))[:count] for column in eligible.T]
