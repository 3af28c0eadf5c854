"""The identity loss, by hand."""

import numpy as np
import pytest
import torch

from lab.losses.identity import IdentityLoss


def test_two_identities_and_a_third_by_hand() -> None:
    loss = IdentityLoss(torch.eye(3)[:, :2], scale=2.0, centre_weight=0.25, centre_rate=0.5)
    photographs, texts = torch.eye(2), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    others, other_identities = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([2, 1])
    # of texts: logits (0, 2) with the batch's photographs, 0 with the third; the last counts for the first text alone
    of_texts = (np.log(2 + 2 * np.exp(2)) + np.log(2 + np.exp(2)) - 2) / 2
    of_photographs = (np.log(2) + np.log(2)) / 2
    centre = (0 + 0 + 2 / 2 + 0) / 4
    got = loss(photographs, texts, torch.tensor([0, 1]), others, other_identities).item()
    assert got == pytest.approx((of_texts + of_photographs) / 2 + 0.25 * centre, rel=1e-6)
