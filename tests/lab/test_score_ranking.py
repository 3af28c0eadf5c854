"""The ranking loss on scores, against loops and by hand."""

import numpy as np
import pytest
import torch

from lab.losses.score_ranking import ScoreRanking


def by_loops(scores: np.ndarray, margin: float, hardest: int) -> float:
    size = len(scores)
    total = 0.0
    for own in range(size):
        others = [other for other in range(size) if other != own]
        for line in ([scores[own][j] for j in others], [scores[j][own] for j in others]):
            violations = sorted((max(0.0, margin - scores[own][own] + score) for score in line), reverse=True)
            total += sum(violations[:hardest]) / hardest
    return total / (2 * size)


@pytest.mark.parametrize("hardest", [1, 3, 6])
def test_it_is_the_loss_of_the_loops(hardest: int) -> None:
    scores = torch.randn(7, 7, generator=torch.Generator().manual_seed(hardest))
    found = ScoreRanking(0.4, hardest)(scores).item()
    assert found == pytest.approx(by_loops(scores.numpy().astype(float), 0.4, hardest), rel=1e-5)


def test_by_hand() -> None:
    scores = torch.tensor([[1.0, 0.9], [0.0, 0.5]], requires_grad=True)
    loss = ScoreRanking(0.2, 1)(scores)
    # rows: 0.2 - 1 + 0.9 = 0.1 and 0; columns: 0 and 0.2 - 0.5 + 0.9 = 0.6
    assert loss.item() == pytest.approx((0.1 + 0 + 0 + 0.6) / 4)
    loss.backward()
    assert scores.grad.tolist() == [[-0.25, 0.5], [0, -0.25]]


def test_more_negatives_than_there_are_means_all() -> None:
    scores = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    assert ScoreRanking(0.3, 50)(scores).item() == pytest.approx(by_loops(scores.numpy().astype(float), 0.3, 2))
