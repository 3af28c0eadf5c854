"""The triplet loss agrees with values computed by hand and with loops."""

import pytest
import torch

from lab.losses.triplet import triplet_loss


def test_by_hand() -> None:
    query = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    positive = torch.tensor([[0.6, 0.8], [1.0, 0.0]])
    negative = torch.tensor([[0.8, 0.6], [0.0, 1.0]])
    # (0.1 - 0.6 + 0.8) / 2 = 0.15, and 0: the second positive leads by more than the margin
    assert triplet_loss(query, positive, negative, 0.1).item() == pytest.approx(0.075)


def test_agrees_with_loops_and_its_gradient_with_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    sides = [torch.randn(7, 3, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(3)]
    query, positive, negative = (side.detach().numpy() for side in sides)
    slow = sum(
        0.5 * max(0.0, 0.5 - float(q @ p) + float(q @ n)) for q, p, n in zip(query, positive, negative, strict=True)
    )
    assert triplet_loss(*sides, margin=0.5).item() == pytest.approx(slow / 7)
    assert torch.autograd.gradcheck(lambda *values: triplet_loss(*values, margin=0.5), sides)
