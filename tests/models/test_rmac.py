"""R-MAC pools the regions of Tolias et al. and whitens and sums them as slow loops do."""

import numpy as np
import pytest
import torch

from models.backbones.lite_maps import at_scale
from models.backbones.region_layout import regions
from models.backbones.rmac import RegionAggregation, pool_regions


def test_a_square_map_has_one_four_and_nine_regions() -> None:
    laid = regions(7, 7)
    assert laid[:5] == [(0, 0, 7), (0, 0, 4), (0, 3, 4), (3, 0, 4), (3, 3, 4)]
    assert laid[5:] == [(top, left, 3) for top in (0, 2, 4) for left in (0, 2, 4)]


def test_along_the_longer_side_lie_as_many_more_as_overlap_nearest_to_two_fifths() -> None:
    # 6 x 9: two regions of side 6 overlap by 1 - 3/6 = 50 %, three by 75 %: two; then 2 x 3 of side 4 and 3 x 4 of 3
    laid = regions(6, 9)
    assert laid[:2] == [(0, 0, 6), (0, 3, 6)]
    assert laid[2:8] == [(top, left, 4) for top in (0, 2) for left in (0, 2, 5)]
    assert len(laid) == 2 + 6 + 12
    assert sorted(regions(9, 6)) == sorted((left, top, side) for top, left, side in laid)


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (5, 9), (9, 5), (10, 10)])
def test_regions_lie_within_the_map_and_reach_its_ends(shape: tuple[int, int]) -> None:
    laid = regions(*shape)
    assert all(top >= 0 and left >= 0 for top, left, _ in laid)
    assert max(top + side for top, _, side in laid) == shape[0]
    assert max(left + side for _, left, side in laid) == shape[1]


def test_pooling_takes_each_channels_maximum() -> None:
    feature_map = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    pooled = pool_regions(feature_map)
    for index, (top, left, side) in enumerate(regions(4, 6)):
        for image in range(2):
            for channel in range(3):
                places = [feature_map[image, channel, top + y, left + x] for y in range(side) for x in range(side)]
                assert pooled[image, index, channel] == max(places)


def _slow_unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.sqrt((vector**2).sum())


def test_aggregation_agrees_with_loops() -> None:
    torch.manual_seed(0)
    head = RegionAggregation(6, 4, groups=2).eval()
    maxima = torch.rand(3, 5, 6)
    weight, bias = head.project.weight.detach().numpy(), head.project.bias.detach().numpy()
    for image, found in zip(maxima.numpy(), head(maxima).detach().numpy(), strict=True):
        total = np.zeros(4)
        for region in image:
            normalised = np.concatenate([_slow_unit(region[:3]), _slow_unit(region[3:])])
            total += _slow_unit(weight @ normalised + bias)
        np.testing.assert_allclose(found, _slow_unit(total), atol=1e-6)


def test_whitened_regions_are_uncorrelated_with_unit_variance_around_zero() -> None:
    torch.manual_seed(0)
    head = RegionAggregation(8, 3)
    sample = torch.rand(500, 8) @ torch.diag(torch.arange(1.0, 9.0))
    head.whiten(sample)
    projected = head.project(head.normalise(sample)).detach()
    torch.testing.assert_close(projected.mean(dim=0), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(torch.cov(projected.T), torch.eye(3), atol=1e-3, rtol=0)


def test_noise_is_drawn_in_training_alone() -> None:
    torch.manual_seed(0)
    head, maxima = RegionAggregation(6, 4, noise=0.5), torch.rand(2, 5, 6)
    assert not torch.equal(head(maxima), head(maxima))
    assert torch.equal(head.eval()(maxima), head(maxima))


def test_a_scale_keeps_the_shape_to_the_backbones_stride() -> None:
    pixels = torch.full((2, 160, 288, 3), 7, dtype=torch.uint8)
    scaled = at_scale(pixels, 224)
    assert scaled.shape == (2, 128, 224, 3)
    assert (scaled == 7).all()
    assert at_scale(pixels, 288) is pixels
