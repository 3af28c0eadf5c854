"""Linear maps of frozen features onto the unit sphere."""

import numpy as np
import torch

from models.backbones.frozen import MeanOverPlaces
from models.encoders.unit_linear import Standardise, UnitLinear


def test_standardised_features_have_mean_nought_and_deviation_one_and_a_constant_one_stays_finite() -> None:
    features = torch.randn(500, 3) * torch.tensor([2.0, 0.1, 0.0]) + torch.tensor([5.0, -1.0, 7.0])
    standardise = Standardise(3)
    standardise.standardise_to(features)
    standardised = standardise(features)
    torch.testing.assert_close(standardised.mean(dim=0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(standardised.std(dim=0)[:2], torch.ones(2), atol=1e-4, rtol=0)
    assert standardised[:, 2].abs().max() < 1e-2


def test_noise_is_of_training_only() -> None:
    torch.manual_seed(0)
    standardise, zeros = Standardise(1000, noise=0.5), torch.zeros(4, 1000)
    assert abs(standardise.train()(zeros).std().item() - 0.5) < 0.02
    assert torch.equal(standardise.eval()(zeros), zeros)


@torch.no_grad()
def test_a_vector_is_the_normalised_product_by_loops() -> None:
    torch.manual_seed(0)
    head, features = UnitLinear(4, 3), torch.randn(2, 4)
    head.standardise.standardise_to(torch.randn(50, 4) * 3 + 1)
    mean, std, weight = (x.numpy() for x in (head.standardise.mean, head.standardise.std, head.map.weight))
    for row, got in zip(features.numpy(), head(features).numpy(), strict=True):
        product = np.array([sum(weight[d, f] * (row[f] - mean[f]) / std[f] for f in range(4)) for d in range(3)])
        np.testing.assert_allclose(got, product / np.sqrt((product**2).sum()), atol=1e-6)


def test_the_mean_over_places_is_over_both_axes() -> None:
    feature_map = torch.arange(12.0).reshape(1, 2, 2, 3)
    assert MeanOverPlaces()(feature_map).tolist() == [[2.5, 8.5]]
