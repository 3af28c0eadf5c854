"""Measures several methods of explanation of one model on the same pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lab.data.pixels import Progress
from lab.evaluation.explain.measures import PairMeasures, correlation, measure_pair
from lab.evaluation.explain.pairs import Pairs
from lab.evaluation.explain.scores import EncoderScores, MatcherScores, Scores
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
        images: ``(M, D)`` vectors of all images of the set; a method that explains a matcher is measured by that one's
            scores, and searches the pairs' photographs alone.
        default: name of the method that is compared with each of the others.
        steps: of each deletion and insertion curve.
        seed: of resamples and random words.
        on_progress: told of the explained pairs of all methods.
    """
    by_name = {subject.name: subject for subject in subjects}
    scores = {subject.explains: _scores(subject, pairs, images) for subject in subjects}
    measured: dict[str, list[PairMeasures]] = {}
    for subject in subjects:
        progress = _counted(on_progress, len(measured) * len(pairs), len(subjects) * len(pairs))
        measured[subject.name] = _measured(subject, pairs, steps, scores[subject.explains], progress)
    controls = {
        explained: [
            measured[one.name] if explained is None else _measured(one, pairs, steps, scores[explained], None)
            for one in (by_name[name] for name in CONTROLS)
        ]
        for explained in scores
    }
    methods = {}
    for subject in subjects:
        own = measured[subject.name]
        random, centre = controls[subject.explains]
        figures = summarise(own, random, centre)
        figures["explains"] = subject.explains
        figures["randomised"] = _randomised(subject, pairs, own)
        figures["words"] = measure_words(pairs, [one.evidence for one in own], scores[subject.explains], seed)
        methods[subject.name] = figures
    return {
        "default": default,
        "pairs": len(pairs),
        "steps": steps,
        "methods": methods,
        "comparisons": {
            name: compare(measured[default], theirs, seed)
            for name, theirs in measured.items()
            if name != default and methods[name]["explains"] == methods[default]["explains"]
        },
    }


def _counted(on_progress: Progress | None, before: int, total: int) -> Progress | None:
    """Return what is told of the pairs of one method, and tells of those of all."""
    if on_progress is None:
        return None
    return lambda done, _of: on_progress(before + done, total)


def _measured(
    subject: Subject, pairs: Pairs, steps: int, scores: Scores, on_progress: Progress | None
) -> list[PairMeasures]:
    found = []
    for pair in range(len(pairs)):
        found.append(measure_pair(subject.explainer, pairs, pair, steps, scores))
        if on_progress:
            on_progress(len(found), len(pairs))
    return found


def _scores(subject: Subject, pairs: Pairs, images: Vectors) -> Scores:
    return EncoderScores(pairs, images) if subject.matcher is None else MatcherScores(subject.matcher, pairs)


def _randomised(subject: Subject, pairs: Pairs, measured: Sequence[PairMeasures]) -> float | None:
    """Return the mean rank correlation of maps with those of the model whose last block was drawn anew."""
    if subject.randomised is None:
        return None
    other = subject.randomised()
    first = range(min(len(pairs), RANDOMISED_PAIRS))
    maps = [other.explain(pairs.match(pair)).whole().values for pair in first]
    return float(np.mean([correlation(measured[pair].values, maps[pair]) for pair in first]))
