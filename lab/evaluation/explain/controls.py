"""Explanations that know nothing of the query: what any method must beat."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from models.evidence import Evidence, EvidenceMap, ImageRole
from models.explain.breakdown import breakdown
from models.protocols import Match

SIDE = 7
"""Places a side of the maps."""


class RandomMap:
    """Draws every place; a picture gets the same map every time.

    Args:
        seed: another one gives other maps.
    """

    looks_at = frozenset[ImageRole]({"result"})

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def explain(self, match: Match) -> Evidence:
        """See ``Explainer``."""
        content = hashlib.sha256(match.images["result"].pixels.tobytes()).digest()
        random = np.random.default_rng([self._seed, *content[:8]])
        return _evidence(match, random.random((SIDE, SIDE), np.float32))


class CentreMap:
    """Points at the middle, where photographers put what they photograph."""

    looks_at = frozenset[ImageRole]({"result"})

    def explain(self, match: Match) -> Evidence:
        """See ``Explainer``."""
        line = np.exp(-((np.arange(SIDE, dtype=np.float32) - SIDE // 2) ** 2) / (2 * (SIDE / 4) ** 2))
        return _evidence(match, np.outer(line, line))


def _evidence(match: Match, values: NDArray[np.float32]) -> Evidence:
    found = EvidenceMap(values, match.images["result"].region)
    return Evidence((found,), float(values.max()), (), breakdown(match))
