"""Loads ``lstm-similarity`` (see ``models.matchers.lstm_similarity_module``)."""

from __future__ import annotations

from pathlib import Path

from models.cards import MatcherCard
from models.inference.graph import Graph
from models.matchers.frozen_pass import FrozenMatcher
from models.matchers.source import MatcherSource, VectorHead
from models.matchers.word_scorer import compiled_head, load_word_matcher


def load_vector_head(source: MatcherSource) -> VectorHead:
    """Load what makes the image's vector of the frozen backbone's."""
    return compiled_head(source, _head)


def load_matcher(source: MatcherSource) -> FrozenMatcher:
    """Load the network.

    Raises:
        CheckpointError: missing or damaged, or not of this architecture.
    """
    return load_word_matcher(source, _head, _scores)


def _head(card: MatcherCard, folder: Path) -> Graph:
    from models.matchers.lstm_similarity_module import head_graph

    return head_graph(card, folder)


def _scores(card: MatcherCard, folder: Path) -> Graph:
    from models.matchers.lstm_similarity_module import score_graph

    return score_graph(card, folder)
