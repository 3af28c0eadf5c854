"""From what was measured of each pair to figures, as shares of 1 and in units of the score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.evaluation.explain.measures import MONTAGES, PairMeasures
from lab.evaluation.explain.montage import Pointing

_RESAMPLES = 2000


def summarise(
    measured: Sequence[PairMeasures], random: Sequence[PairMeasures], centre: Sequence[PairMeasures]
) -> dict[str, Any]:
    """Return the figures of one method.

    Args:
        measured: the method, on each pair.
        random: the random map on the same pairs.
        centre: the blob at the centre on the same pairs.
    """
    rests = [pair.rest for pair in measured if pair.rest is not None]
    return {
        "deletion": _areas([pair.deletion for pair in measured]),
        "insertion": _areas([pair.insertion for pair in measured]),
        "beats_random": _beats(measured, random),
        "beats_centre": _beats(measured, centre),
        **{f"montage_{count}": _montage(measured, count) for count in MONTAGES},
        "image_montage_4": _pointings([pair.pictured for pair in measured if pair.pictured is not None]),
        "unrelated": {
            "told": float(np.mean([pair.told for pair in measured])),
            "falsely": float(np.mean([pair.falsely for pair in measured])),
        },
        "rest": float(np.sum([rest for rest, _ in rests]) / np.sum([whole for _, whole in rests])) if rests else None,
        "ms": float(np.median([pair.ms for pair in measured])),
    }


def compare(ours: Sequence[PairMeasures], theirs: Sequence[PairMeasures], seed: int) -> dict[str, Any]:
    """Return by how much one method differs from another on the same pairs, each with a paired bootstrap interval.

    Args:
        ours: the method, on each pair.
        theirs: the other.
        seed: of the resamples.
    """
    return {
        name: _difference(np.array([of(pair) for pair in ours]) - np.array([of(pair) for pair in theirs]), seed)
        for name, of in (
            ("insertion_minus_deletion", _gap),
            ("deletion_normalised", lambda pair: pair.deletion[1]),
            ("insertion_normalised", lambda pair: pair.insertion[1]),
        )
    }


def _gap(pair: PairMeasures) -> float:
    return pair.insertion[0] - pair.deletion[0]


def _difference(differences: NDArray[np.float64], seed: int) -> dict[str, Any]:
    """Return the mean and the middle 95 % of the means of resamples (Efron and Tibshirani 1993)."""
    drawn = np.random.default_rng(seed).integers(len(differences), size=(_RESAMPLES, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), (0.025, 0.975))
    return {"difference": float(differences.mean()), "interval": [float(low), float(high)]}


def _areas(areas: Sequence[tuple[float, float]]) -> dict[str, float]:
    raw, normalised = np.mean(areas, axis=0)
    return {"normalised": float(normalised), "raw": float(raw)}


def _beats(measured: Sequence[PairMeasures], control: Sequence[PairMeasures]) -> dict[str, float]:
    return {
        "deletion": float(np.mean([a.deletion[0] < b.deletion[0] for a, b in zip(measured, control, strict=True)])),
        "insertion": float(np.mean([a.insertion[0] > b.insertion[0] for a, b in zip(measured, control, strict=True)])),
    }


def _montage(measured: Sequence[PairMeasures], count: int) -> dict[str, float] | None:
    return _pointings([pair.montages[count] for pair in measured])


def _pointings(found: Sequence[Pointing]) -> dict[str, float] | None:
    """Return the means; None where nothing was found, for the method does not explain that."""
    if not found:
        return None
    return {"mass": float(np.mean([one.mass for one in found])), "peak": float(np.mean([one.peak for one in found]))}
