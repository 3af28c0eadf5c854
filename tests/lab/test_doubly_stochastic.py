"""The penalty of attention, by loops and by hand."""

import pytest
import torch

from lab.losses.doubly_stochastic import doubly_stochastic_penalty


def test_places_looked_at_once_cost_nothing() -> None:
    assert doubly_stochastic_penalty(torch.eye(3).unsqueeze(0), torch.ones(1, 3)).item() == 0


def test_what_is_behind_the_end_does_not_count() -> None:
    looks = torch.eye(3).unsqueeze(0)
    assert doubly_stochastic_penalty(looks, torch.tensor([[1, 1, 0]])).item() == pytest.approx(1 / 3)


def test_it_agrees_with_loops() -> None:
    looks = torch.rand(4, 5, 6).softmax(dim=2)
    mask = (torch.arange(5) < torch.tensor([[5], [3], [1], [4]])).long()
    expected = 0.0
    for sentence in range(4):
        for place in range(6):
            seen = sum(float(looks[sentence, word, place]) for word in range(5) if mask[sentence, word])
            expected += (1 - seen) ** 2 / 24
    assert doubly_stochastic_penalty(looks, mask).item() == pytest.approx(expected, rel=1e-5)
