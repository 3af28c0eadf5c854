r"""From scores to probabilities: how likely a person would say that a result shows what was asked.

A cosine of 0.4 means much for one query and little for another. What it means is read off the query alone: off its
scores against a fixed set of reference vectors, with mean :math:`\mu` and standard deviation :math:`\sigma`, and off
its own direction. And it means less among many: the more there are, the more of those that do not show what was asked
come near. With the query's unit vector q and the score s of a result among n that were searched,

.. math::
    P(\text{relevant}) = \mathrm{logistic}(\alpha + \beta \frac{s - \mu}{\sigma} + \gamma \mu + \delta \sigma
        + \epsilon \log n + \langle u, q \rangle), \qquad \beta > 0

which is a logistic regression, as in Platt, "Probabilistic outputs for support vector machines" (1999). No other result
has a part in it: forty copies of a picture are as likely as one. ``semblance calibrate`` fits it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import CheckpointError
from models.types import Vectors

Numbers = NDArray[np.floating[Any]]

BEST = 10
"""So many of the best results are what a calibration is fitted to and measured on."""

STRONG, POSSIBLE = 0.7, 0.3
"""From these confidences a result is a strong or a possible one; an answer without either seems to match nothing."""

SAMPLE = 256
"""So many vectors of a collection stand for a reference set where the model has none."""

FITTED_AMONG = 50, 75_000
"""Calibrations are fitted to so few and so many photographs or captions; fewer and more count as these."""

_LEAST_SPREAD = 1e-6
_REFERENCE = "reference"
_DIRECTION = "direction."


class Standing(NamedTuple):
    """Mean and standard deviation of queries' scores against a reference set, ``(...)`` each."""

    mean: Numbers
    spread: Numbers

    def deviations(self, scores: Numbers) -> Numbers:
        """Return how many standard deviations above the mean scores ``(..., R)`` are."""
        return np.asarray((scores - self.mean[..., None]) / np.maximum(self.spread, _LEAST_SPREAD)[..., None])


@dataclass(frozen=True, eq=False)
class Calibration:
    """What is fitted for one kind of search: the symbols of the formula above.

    Attributes:
        intercept: alpha.
        score: beta, positive: a better score is never less likely.
        mean: gamma.
        spread: delta.
        direction: u, ``(D,)``.
        among: epsilon.
    """

    intercept: float
    score: float
    mean: float
    spread: float
    direction: Vectors = field(repr=False)
    among: float = 0.0

    def __post_init__(self) -> None:
        if not np.isfinite([self.intercept, self.score, self.mean, self.spread, self.among, *self.direction]).all():
            raise ValueError("a calibration's weights must be finite")
        if self.score <= 0:
            raise ValueError("a calibration's weight of the score must be positive")

    def confidence(self, query: Vectors, standing: Standing, scores: Numbers, among: ArrayLike) -> Numbers:
        """Return how likely results are relevant.

        Args:
            query: ``(..., D)``, unit length.
            standing: ``(...)``, of the query.
            scores: ``(..., R)``.
            among: how many were searched, ``(...)``.

        Returns:
            ``(..., R)``, in 0..1; of one query's results, a higher score never has a lower confidence.
        """
        of_query = self.intercept + self.mean * standing.mean + self.spread * standing.spread
        of_query = of_query + np.vecdot(query, self.direction) + self.among * log_among(among)
        return _logistic(np.asarray(of_query)[..., None] + self.score * standing.deviations(scores))


def log_among(among: ArrayLike) -> Numbers:
    """Return the logarithm of how many were searched, within ``FITTED_AMONG``."""
    return np.asarray(np.log(np.clip(among, *FITTED_AMONG)))


@dataclass(frozen=True, eq=False)
class Calibrations:
    """All that is fitted for one model.

    Attributes:
        reference: ``(K, D)``, what queries are compared with.
        kinds: by the kind of search, see ``service.search.confidence``.
    """

    reference: Vectors = field(repr=False)
    kinds: Mapping[str, Calibration]


def standing(queries: Vectors, reference: Vectors) -> Standing:
    """Return where queries ``(..., D)`` stand among reference vectors ``(K, D)``."""
    # not @: for one query, BLAS would wake all cores for some microseconds' work
    scores = np.vecdot(reference, queries) if queries.ndim == 1 else queries @ reference.T
    return Standing(np.asarray(scores.mean(axis=-1)), np.asarray(scores.std(axis=-1)))


def sample_rows(size: int) -> NDArray[np.int64]:
    """Return the rows of a collection that stand for all of it: random, and always the same."""
    if size <= SAMPLE:
        return np.arange(size)
    return np.sort(np.random.default_rng(0).choice(size, SAMPLE, replace=False))


def calibration_file(folder: Path, model: str) -> Path:
    """Return where the calibrations of a model that does not ship with them are kept in a data folder."""
    return folder / "calibrations" / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', model).strip('-')}.safetensors"


def read_calibrations(path: Path, weights_sha256: str) -> Calibrations | None:
    """Read a model's calibrations; None where the file is absent or of other weights.

    Raises:
        CheckpointError: the file is there and does not fit.
    """
    if not path.is_file():
        return None
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            fields = file.metadata() or {}
            if fields["weights_sha256"] != weights_sha256:
                return None  # of a model that was trained again since: its scores mean something else now
            reference = np.ascontiguousarray(file.get_tensor(_REFERENCE), dtype=np.float32)
            kinds = {
                kind: Calibration(**weights, direction=file.get_tensor(_DIRECTION + kind))
                for kind, weights in json.loads(fields["calibrations"]).items()
            }
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CheckpointError(f"no readable calibration in {path.name}: {error}; fit it again") from error
    return Calibrations(reference, kinds)


def write_calibrations(path: Path, weights_sha256: str, calibrations: Calibrations) -> None:
    """Write what ``read_calibrations`` reads: the reference vectors as float16, and no photograph."""
    from safetensors.numpy import save_file

    weights = {
        kind: {name: getattr(one, name) for name in ("intercept", "score", "mean", "spread", "among")}
        for kind, one in calibrations.kinds.items()
    }
    tensors: dict[str, NDArray[Any]] = {_REFERENCE: calibrations.reference.astype(np.float16)}
    tensors |= {_DIRECTION + kind: one.direction.astype(np.float32) for kind, one in calibrations.kinds.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"weights_sha256": weights_sha256, "calibrations": json.dumps(weights)})


def _logistic(logits: ArrayLike) -> Numbers:
    """Return ``1 / (1 + exp(-x))`` without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(logits)))
