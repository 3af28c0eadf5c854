"""Maps are scaled as bilinear interpolation scales them."""

import numpy as np
import torch
from torch.nn import functional as F

from models.imaging.stretch import stretched


def test_it_is_bilinear_interpolation_between_the_centres_of_cells() -> None:
    values = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    expected = F.interpolate(torch.from_numpy(values)[None, None], size=(40, 33), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(stretched(values, 40, 33), expected[0, 0].numpy(), atol=1e-5)


def test_a_single_cell_fills_everything() -> None:
    assert stretched(np.array([[2.0]], np.float32), 2, 3).tolist() == [[2, 2, 2], [2, 2, 2]]


def test_a_map_of_the_wanted_size_stays_as_it_is() -> None:
    values = np.array([[1, 2], [3, 4]], np.float32)
    assert stretched(values, 2, 2).tolist() == values.tolist()
