"""Loads ``lstm-similarity`` (see ``models.matchers.lstm_similarity_module``)."""

from __future__ import annotations

from models.inference.graph import Graph
from models.matchers.frozen_pass import CompiledHead, FrozenMatcher
from models.matchers.source import MatcherSource, VectorHead
from models.matchers.word_scorer import MAX_WORDS, WordScorer
from models.text.shipped_vocabulary import WORD_VECTORS, load_vocabulary


def load_vector_head(source: MatcherSource) -> VectorHead:
    """Load what makes the image's vector of the frozen backbone's."""
    card = source.card

    def head() -> Graph:
        from models.matchers.lstm_similarity_module import head_graph

        return head_graph(card, source.folder)

    return CompiledHead(
        lambda: source.compiler.runner(f"{card.name}.head", card.made_of, head, full_precision=True), card
    )


def load_matcher(source: MatcherSource) -> FrozenMatcher:
    """Load the network.

    Raises:
        CheckpointError: missing or damaged, or not of this architecture.
    """
    card = source.card

    def scores() -> Graph:
        from models.matchers.lstm_similarity_module import score_graph

        return score_graph(card, source.folder)

    # scores a hair apart must stay apart
    network = source.compiler.runner(f"{card.name}.scores", card.made_of, scores, full_precision=True)
    scorer = WordScorer(network, load_vocabulary(card.parts[WORD_VECTORS]), MAX_WORDS[card.architecture])
    return FrozenMatcher(card, load_vector_head(source), scorer, source.compiler)
