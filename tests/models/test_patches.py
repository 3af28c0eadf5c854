"""Pictures of any aspect ratio become the patches and positions that transformers makes of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from models.cards import Preprocessing
from models.imaging.patches import LONGEST, canvas_side, cut_patches, patch_sides, picture_sides
from models.imaging.transforms import fit_square

PATCH, MOST = 8, 16
SHAPE = Preprocessing(
    canvas_side(PATCH, MOST), "patches", "bilinear", (0.5,) * 3, (0.5,) * 3, patch=PATCH, max_patches=MOST
)


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from([(8, 16), (16, 256), (14, 729)]))
def test_sides_are_those_of_transformers(height: int, width: int, form: tuple[int, int]) -> None:
    from transformers.models.siglip2.image_processing_pil_siglip2 import get_image_size_for_max_num_patches

    rows, columns = patch_sides(height, width, *form)
    if max(height, width) <= LONGEST * min(height, width):
        assert (rows, columns) == get_image_size_for_max_num_patches(height, width, *form)
    assert max(rows, columns) <= canvas_side(*form)
    assert 0 < rows * columns <= form[1] * form[0] ** 2


@pytest.mark.parametrize("shape", [(40, 60), (32, 32), (75, 20), (4, 400), (1, 1)])
def test_the_square_tells_where_the_picture_ends_even_of_a_black_one(shape: tuple[int, int]) -> None:
    for value in (0, 200):
        square = fit_square(np.full((*shape, 3), value, np.uint8), SHAPE)
        assert square.shape == (SHAPE.size, SHAPE.size, 3)
        assert picture_sides(square) == patch_sides(*shape, PATCH, MOST)


def test_positions_are_interpolated_as_torch_does_it() -> None:
    grid = torch.arange(2 * 36, dtype=torch.float32).reshape(6, 6, 2) ** 0.5
    square = fit_square(np.full((30, 50, 3), 9, np.uint8), SHAPE)
    rows, columns = (side // PATCH for side in picture_sides(square))
    _, mask, down, across = cut_patches(square[None], PATCH, MOST, 6)
    expected = F.interpolate(grid.permute(2, 0, 1)[None], (rows, columns), mode="bilinear", antialias=True)[0]
    got = np.einsum("pa,pb,abd->pd", down[0], across[0], grid.numpy())
    assert mask[0].sum() == rows * columns
    np.testing.assert_allclose(got[: rows * columns], expected.flatten(1).T.numpy(), atol=1e-5)
    assert not got[rows * columns :].any()


def test_patches_are_rows_of_the_picture_and_the_rest_is_empty() -> None:
    square = np.zeros((SHAPE.size, SHAPE.size, 3), np.uint8)
    square[:PATCH, : 2 * PATCH] = np.arange(2 * PATCH)[None, :, None] + 1
    patches, mask, _, _ = cut_patches(square[None], PATCH, MOST, 4)
    assert mask[0].tolist() == [1, 1, *[0] * (MOST - 2)]
    assert patches[0, 1].reshape(PATCH, PATCH, 3)[0, :, 0].tolist() == list(range(PATCH + 1, 2 * PATCH + 1))
    assert not patches[0, 2:].any()


def test_an_empty_square_is_taken_whole() -> None:
    _, mask, _, _ = cut_patches(np.zeros((1, SHAPE.size, SHAPE.size, 3), np.uint8), PATCH, MOST, 4)
    assert mask.all()
