"""Ranks agree with a slow oracle; ties count against the model."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lab.evaluation.retrieval import retrieval_ranks
from lab.metrics.ranking import best_ranks, summarise_ranks


def _slow_rank(scores: np.ndarray, own: list[int]) -> int:
    best = max(scores[i] for i in own)
    return 1 + sum(1 for i, s in enumerate(scores) if i not in own and s >= best)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 9))
def test_ranks_agree_with_the_oracle(seed: int, queries: int, items: int) -> None:
    random = np.random.default_rng(seed)
    q = random.integers(-2, 3, (queries, 3)).astype(np.float32)  # small integers: many ties
    x = random.integers(-2, 3, (items, 3)).astype(np.float32)
    own = [sorted(random.choice(items, random.integers(1, items), replace=False).tolist()) for _ in range(queries)]
    expected = [_slow_rank(line, mine) for line, mine in zip(q @ x.T, own, strict=True)]
    assert best_ranks(q, x, own).tolist() == expected


def test_a_model_that_scores_everything_alike_is_last() -> None:
    same = np.ones((4, 2), np.float32)
    assert best_ranks(same, same, [[0], [1], [2], [3]]).tolist() == [4, 4, 4, 4]


def test_summary_by_hand() -> None:
    summary = summarise_ranks(np.array([1, 3, 7, 20]))
    assert summary.as_dict() == {"r@1": 0.25, "r@5": 0.5, "r@10": 0.75, "median_rank": 5.0, "mean_rank": 7.75}


def test_image_to_text_counts_the_best_of_an_images_captions() -> None:
    images = np.eye(2, dtype=np.float32)
    captions = np.array([[0, 1], [1, 0], [0.1, 0.9]], np.float32)
    to_image, to_text = retrieval_ranks(images, captions, [0, 0, 1])
    assert to_text.recall[1] == 0.5  # the first image's second caption is first; the second image's caption is second
    assert to_image.recall[1] == 2 / 3


@given(st.integers(0, 10_000))
def test_a_score_that_is_not_a_number_cannot_win(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(-2, 3, 6).astype(np.float32)
    scores[random.random(6) < 0.4] = np.nan
    own = sorted(random.choice(6, 2, replace=False).tolist())
    pessimist = [(-9 if i in own else 9) if np.isnan(score) else score for i, score in enumerate(scores)]
    ranks = best_ranks(np.ones((1, 1), np.float32), scores[:, None], [own])
    assert ranks.tolist() == [_slow_rank(np.array(pessimist), own)]
