r"""Which matcher puts the best candidates of a query in a new order, and what it adds to their scores.

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
from service.search.query import Query, Sentence

NO_MATCHER = "none"


@dataclass(frozen=True)
class RerankChoice:
    """The matcher that a search asks for.

    Attributes:
        asked: a matcher's name, ``none``, or None for the default.
        default: a matcher's name or ``none``; it holds only for the queries that it fits.
        depth: how many of the best candidates are re-ranked.
    """

    asked: str | None = None
    default: str = NO_MATCHER
    depth: int = 50

    @property
    def name(self) -> str:
        """The matcher's name, or ``none``."""
        return self.asked or self.default


@dataclass(frozen=True)
class Reranking:
    """How a query is re-ranked.

    Attributes:
        matcher: gives the new scores.
        text: the sentence that it scores images against.
        depth: how many of the best candidates are re-ranked.
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
    choice: RerankChoice, matchers: Mapping[str, Matcher], query: Query, target: Side
) -> Reranking | None:
    """Return how to re-rank a query, None where it is not re-ranked.

    Args:
        choice: the matcher that is asked for.
        matchers: those whose features the collection holds for the model that answers, by name.
        query: what is searched for.
        target: what is to be found.

    Raises:
        QueryError: the matcher does not fit the query, and the search asked for it by name.
    """
    if choice.name == NO_MATCHER:
        return None
    try:
        return _reranking(choice, matchers, query, target)
    except QueryError:
        if choice.asked:
            raise
        return None


def _reranking(choice: RerankChoice, matchers: Mapping[str, Matcher], query: Query, target: Side) -> Reranking:
    if choice.name not in matchers:
        there_are = ", ".join(matchers) or "none; semblance index --matcher NAME stores what one needs"
        raise QueryError(
            f"This collection and model have no matcher {choice.name[:64]!r} to re-rank with; there are: {there_are}."
        )
    if not isinstance(query.source, Sentence):
        raise QueryError("A matcher scores a sentence, and this query has none: leave rerank out.")
    if target == "text":
        raise QueryError("A matcher scores images, and this query is for captions: leave rerank out.")
    return Reranking(matchers[choice.name], query.source.text, choice.depth)
