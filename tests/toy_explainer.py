"""Explainers of the toy encoder, small enough to compute by hand; real ``Explainer``s."""

import numpy as np

from models.evidence import Evidence, EvidenceMap, ImageRole
from models.explain.breakdown import breakdown
from models.explain.source import ExplainerSource
from models.explain.words import word_saliency
from models.protocols import Match
from models.types import Pixels, Vectors


def agreement(pixels: Pixels, vector: Vectors) -> np.ndarray:
    """Return how much each place's own colour agrees with a vector of the toy encoder's space, ``(S, S)``, signed."""
    return np.asarray(pixels / 255 @ vector[:3], np.float32)


class ToyExplainer:
    """A place adds as much as its own colour agrees with the query."""

    looks_at = frozenset[ImageRole]({"result"})

    def explain(self, match: Match) -> Evidence:
        image = match.images["result"]
        found = EvidenceMap(agreement(image.pixels, match.query.vector), image.region)
        return Evidence((found,), max(0.0, float(found.values.max())), word_saliency(match), breakdown(match))


class ToyPairExplainer:
    """Compares two images: each place of one with the mean colour of the other; both maps on one scale."""

    looks_at = frozenset[ImageRole]({"result", "query"})

    def explain(self, match: Match) -> Evidence:
        maps = []
        others: dict[ImageRole, ImageRole] = {"result": "query", "query": "result"}
        for role, image in match.images.items():
            other = match.images.get(others[role])
            colour = match.query.vector[:3] if other is None else other.pixels.reshape(-1, 3).mean(axis=0) / 255
            maps.append(EvidenceMap(agreement(image.pixels, colour.astype(np.float32)), image.region, role))
        scale = max(float(found.values.max()) for found in maps)
        return Evidence(tuple(maps), scale, word_saliency(match), breakdown(match))


def load_explainer(_source: ExplainerSource) -> ToyPairExplainer:
    """Build the method as the library builds one of its own."""
    return ToyPairExplainer()
