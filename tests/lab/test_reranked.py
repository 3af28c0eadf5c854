"""Ranks after re-ranking, where scores are equal or not numbers."""

import numpy as np

from lab.metrics.reranked import pessimistic_rank, reranked_rank
from models.reranking import rerank_head


def test_equal_scores_and_those_that_are_no_numbers_stand_before_a_candidate() -> None:
    scores = np.array([0.5, 0.9, 0.5, np.nan, 0.1])
    assert [pessimistic_rank(scores, own) for own in range(5)] == [4, 2, 4, 5, 5]


def test_a_candidate_of_the_head_is_ranked_within_it_by_the_new_scores() -> None:
    scores, new = np.array([0.9, 0.8, 0.7, 0.1]), np.array([0.0, 1.0, 1.0, 5.0])
    order, final = rerank_head(scores, new.__getitem__, 3)
    ranks = [reranked_rank(pessimistic_rank(scores, own), own, order, final, 3) for own in range(4)]
    assert ranks == [3, 2, 2, 4]


def test_a_new_score_that_is_no_number_is_last_in_the_head() -> None:
    scores, new = np.array([0.9, 0.8, 0.7]), np.array([np.nan, 1.0, 2.0])
    order, final = rerank_head(scores, new.__getitem__, 2)
    assert reranked_rank(1, 0, order, final, 2) == 2
