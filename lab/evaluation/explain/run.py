"""Measures several methods of explanation of one model on the same pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lab.data.pixels import Progress
from lab.evaluation.explain.measures import PairMeasures, correlation, measure_pair
from lab.evaluation.explain.pairs import Pairs
from lab.evaluation.explain.subjects import CONTROLS, Subject
from lab.evaluation.explain.summary import compare, summarise
from lab.evaluation.explain.words import measure_words
from models.types import Vectors

RANDOMISED_PAIRS = 50
"""On so many pairs at most maps are compared with those of a model whose last block was drawn anew."""


def evaluate_explanations(
    pairs: Pairs,
    subjects: Sequence[Subject],
    images: Vectors,
    *,
    default: str,
    steps: int,
    seed: int,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure methods, the controls among them.

    Args:
        pairs: photographs and their captions.
        subjects: the methods; ``random`` and ``centre`` are among them.
        images: ``(M, D)`` vectors of all images of the set.
        default: name of the method that is compared with each of the others.
        steps: of each deletion and insertion curve.
        seed: of resamples and random words.
        on_progress: told of the explained pairs of all methods.
    """
    measured: dict[str, list[PairMeasures]] = {}
    for subject in subjects:
        measured[subject.name] = own = []
        for pair in range(len(pairs)):
            own.append(measure_pair(subject.explainer, pairs, pair, steps))
            if on_progress:
                on_progress((len(measured) - 1) * len(pairs) + len(own), len(subjects) * len(pairs))
    random, centre = (measured[name] for name in CONTROLS)
    methods = {}
    for subject in subjects:
        own = measured[subject.name]
        figures = summarise(own, random, centre)
        figures["randomised"] = _randomised(subject, pairs, own)
        figures["words"] = measure_words(pairs, [one.evidence for one in own], images, seed)
        methods[subject.name] = figures
    return {
        "default": default,
        "pairs": len(pairs),
        "steps": steps,
        "methods": methods,
        "comparisons": {
            name: compare(measured[default], theirs, seed) for name, theirs in measured.items() if name != default
        },
    }


def _randomised(subject: Subject, pairs: Pairs, measured: Sequence[PairMeasures]) -> float | None:
    """Return the mean rank correlation of maps with those of the model whose last block was drawn anew."""
    if subject.randomised is None:
        return None
    other = subject.randomised()
    first = range(min(len(pairs), RANDOMISED_PAIRS))
    maps = [other.explain(pairs.match(pair)).whole().values for pair in first]
    return float(np.mean([correlation(measured[pair].values, maps[pair]) for pair in first]))
