"""The centre loss, its gradient and its centres' update, against hand-computed values and loops."""

import numpy as np
import torch

from lab.losses.centre import CentreLoss


def test_loss_gradient_and_centres_by_hand() -> None:
    loss = CentreLoss(3, 2, rate=0.5)
    loss.centres.copy_(torch.tensor([[1.0, 0.0], [0.0, 0.0], [5.0, 5.0]]))
    vectors = torch.tensor([[2.0, 0.0], [1.0, 2.0], [0.0, 3.0]], requires_grad=True)
    value = loss(vectors, torch.tensor([0, 0, 1]))
    assert value.item() == (1 + 4 + 9) / 2
    value.backward()
    assert vectors.grad is not None
    assert vectors.grad.tolist() == [[1, 0], [0, 2], [0, 3]]  # x - c
    # centre 0: its difference is ((1,0)-(2,0) + (1,0)-(1,2)) / 3 = (-1/3, -2/3); centre 1: (0,-3) / 2
    expected = torch.tensor([[1 + 1 / 6, 1 / 3], [0, 0.75], [5, 5]])
    torch.testing.assert_close(loss.centres, expected)


def test_updates_agree_with_loops() -> None:
    random = np.random.default_rng(0)
    loss = CentreLoss(6, 4, rate=0.3)
    centres = np.zeros((6, 4), np.float32)
    for _ in range(5):
        vectors, identities = random.normal(size=(20, 4)).astype(np.float32), random.integers(5, size=20)
        value = loss(torch.from_numpy(vectors), torch.from_numpy(identities)).item()
        by_loops = sum(((x - centres[y]) ** 2).sum() / 2 for x, y in zip(vectors, identities, strict=True))
        np.testing.assert_allclose(value, by_loops, rtol=1e-5)
        moves = np.zeros_like(centres)
        for j in range(6):
            own = [centres[j] - x for x, y in zip(vectors, identities, strict=True) if y == j]
            moves[j] = np.sum(own, axis=0) / (1 + len(own)) if own else 0
        centres = centres - 0.3 * moves
        np.testing.assert_allclose(loss.centres.numpy(), centres, atol=1e-5)


def test_centres_stay_outside_training() -> None:
    loss = CentreLoss(2, 2).eval()
    loss(torch.ones(1, 2), torch.tensor([0]))
    assert not loss.centres.any()


def test_centres_are_no_parameters() -> None:
    assert not list(CentreLoss(2, 2).parameters())
