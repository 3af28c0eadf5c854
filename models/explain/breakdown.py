"""The exact parts of a score, which no method has to estimate."""

from __future__ import annotations

import numpy as np

from models.matchers.contribution import rerank_contributions, rerank_label
from models.protocols import Match


def breakdown(match: Match) -> tuple[tuple[str, float], ...]:
    """Return ``(label, value)`` of each term of the query, and of the matcher where one re-ranked, as a search does."""
    shares = match.query.contributions(match.vector[np.newaxis])[0].tolist()
    parts = list(zip(match.query.labels, shares, strict=True))
    sentence = match.query.terms[0].text
    if match.matcher is not None and sentence is not None:
        parts.append((rerank_label(match.matcher), rerank_share(match, sentence)))
    return tuple(parts)


def rerank_share(match: Match, sentence: str) -> float:
    """Return what the matcher of a match adds to its score for a sentence; 0 where none re-ranked."""
    if match.matcher is None:
        return 0.0
    features = match.features[match.matcher.card.name]
    return float(rerank_contributions(match.matcher, sentence, features[np.newaxis])[0])
