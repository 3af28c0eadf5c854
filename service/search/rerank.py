"""The best candidates of a query in a new order, by a matcher that looks closer; scores stay exact sums.

The ``depth`` best rows of the first stage are scored anew, see ``models.matchers.contribution``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import QueryError
from models.matchers.contribution import rerank_contributions, rerank_label
from models.protocols import Matcher
from models.types import Features, Side
from service.search.query import Query

NO_MATCHER = "none"


@dataclass(frozen=True)
class Reranking:
    """How a query is re-ranked.

    Attributes:
        matcher: that scores.
        text: the sentence that it scores.
        depth: how many of the best candidates it puts in a new order.
    """

    matcher: Matcher
    text: str
    depth: int

    @property
    def label(self) -> str:
        """What its contribution is called in answers."""
        return rerank_label(self.matcher)

    def contributions(self, features: Features) -> NDArray[np.float64]:
        """Return what it adds to the scores of M images, ``(M,)``."""
        return rerank_contributions(self.matcher, self.text, features)


def choose_reranking(
    asked: str | None, default: str, matchers: Mapping[str, Matcher], query: Query, target: Side, depth: int
) -> Reranking | None:
    """Return how to re-rank a query, or None.

    Args:
        asked: a matcher's name, ``none``, or None for the default.
        default: the same; passed over where it does not fit.
        matchers: those that the collection has features for, by name.
        query: what is searched for.
        target: what is to be found.
        depth: how many candidates to re-rank.

    Raises:
        QueryError: what was asked for does not fit.
    """
    name = asked or default
    if name == NO_MATCHER:
        return None
    reason = _misfit(name, matchers, query, target)
    if reason and asked:
        raise QueryError(reason)
    return None if reason or query.text is None else Reranking(matchers[name], query.text, depth)


def _misfit(name: str, matchers: Mapping[str, Matcher], query: Query, target: Side) -> str | None:
    if name not in matchers:
        there_are = ", ".join(matchers) or "none; semblance index --matcher NAME stores what one needs"
        return f"This collection and model have no matcher {name[:64]!r} to re-rank with; there are: {there_are}."
    if query.text is None:
        return "A matcher scores a sentence, and this query has none: leave rerank out."
    if target == "text":
        return "A matcher scores images, and this query is for captions: leave rerank out."
    return None
