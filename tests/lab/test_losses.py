"""Losses agree with values computed by hand."""

import math

import torch

from lab.losses.info_nce import InfoNCE


def test_info_nce_of_two_orthogonal_pairs_by_hand() -> None:
    loss = InfoNCE(temperature=0.5)
    pairs = torch.eye(2)
    # logits are [[2, 0], [0, 2]] both ways: -log(e^2 / (e^2 + 1))
    assert math.isclose(loss(pairs, pairs).item(), math.log(1 + math.exp(-2)), rel_tol=1e-6)


def test_info_nce_is_the_mean_of_both_directions() -> None:
    torch.manual_seed(0)
    images, texts = torch.randn(4, 3), torch.randn(4, 3)
    loss = InfoNCE(temperature=1.0)
    logits = images @ texts.T
    rows = -torch.log_softmax(logits, dim=1).diagonal().mean()
    columns = -torch.log_softmax(logits, dim=0).diagonal().mean()
    torch.testing.assert_close(loss(images, texts), (rows + columns) / 2)


def test_info_nce_scale_is_held_at_its_cap() -> None:
    torch.manual_seed(0)
    images, texts = torch.randn(4, 3), torch.randn(4, 3)
    wild, capped = InfoNCE(temperature=1e-6, max_scale=10), InfoNCE(temperature=0.1, max_scale=10)
    torch.testing.assert_close(wild(images, texts), capped(images, texts))


def test_a_smoothed_target_gives_its_share_to_all_of_the_batch() -> None:
    scores = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    right, wrong = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    expected = 0.9 * right + 0.1 * (right + wrong) / 2
    assert math.isclose(InfoNCE(temperature=1.0, smoothing=0.1).of_scores(scores).item(), expected, rel_tol=1e-6)
