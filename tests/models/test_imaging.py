"""Squares, thumbnails and overlays show the right part of the picture."""

import io

import numpy as np
import pytest
from PIL import Image

from models.cards import Preprocessing
from models.imaging.overlay import AGAINST, FOR, overlay_png
from models.imaging.photograph import Photograph
from models.imaging.thumbnail import thumbnail_webp
from models.imaging.transforms import fit_square, picture_box


def _preprocessing(fit: str) -> Preprocessing:
    return Preprocessing(8, fit, "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # type: ignore[arg-type]


def _stripes() -> np.ndarray:
    """A wide picture: a red left quarter, a green middle, a blue right quarter."""
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :8, 0], pixels[:, 8:24, 1], pixels[:, 24:, 2] = 255, 255, 255
    return pixels


def test_squash_keeps_all_of_the_picture() -> None:
    square = fit_square(_stripes(), _preprocessing("squash"))
    assert square.shape == (8, 8, 3)
    assert square[4, 0, 0] > 200
    assert square[4, 7, 2] > 200


def test_crop_keeps_the_middle() -> None:
    square = fit_square(_stripes(), _preprocessing("crop"))
    assert square.shape == (8, 8, 3)
    assert (square[:, 1:7].argmax(axis=2) == 1).all()


def test_visible_region_is_the_middle_for_crop_and_everything_for_squash() -> None:
    assert _preprocessing("squash").visible_region(32, 16) == (0, 0, 1, 1)
    assert _preprocessing("crop").visible_region(32, 16) == (0.25, 0, 0.75, 1)


def _inside(size: int = 128) -> Preprocessing:
    return Preprocessing(size, "inside", "bilinear", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_inside_keeps_the_aspect_ratio_and_all_of_the_picture() -> None:
    square = fit_square(np.repeat(np.repeat(_stripes(), 8, axis=0), 8, axis=1), _inside())  # 256 x 128 to 128 x 64
    assert square.shape == (128, 128, 3)
    assert (square[64:] == 0).all()
    assert (square[:64, 4:28].argmax(axis=2) == 0).all()
    assert (square[:64, 100:124].argmax(axis=2) == 2).all()
    assert _inside().visible_region(32, 16) == (0, 0, 1, 1)


def test_a_wide_screen_picture_is_as_wide_as_before_within_half_a_stride() -> None:
    square = fit_square(np.full((90, 160, 3), 200, np.uint8), _inside(288))
    assert picture_box(square) == (0, 0, 160, 288)  # 162 exactly


def test_a_picture_is_found_again_even_where_it_is_black() -> None:
    black = fit_square(np.zeros((40, 90, 3), np.uint8), _inside())
    assert picture_box(black) == (0, 0, 64, 128)
    assert picture_box(np.ascontiguousarray(black[::-1])) == (64, 0, 64, 128)
    assert black.max() == 1
    assert picture_box(np.zeros((8, 8, 3), np.uint8)) == (0, 0, 8, 8)


def test_another_preprocessing_has_another_digest() -> None:
    assert _preprocessing("crop").digest != _preprocessing("squash").digest
    assert _preprocessing("crop").digest == _preprocessing("crop").digest


def test_thumbnail_keeps_the_aspect_ratio_and_never_enlarges() -> None:
    photograph = Photograph(_stripes(), 32, 16, "PNG")
    assert Image.open(io.BytesIO(thumbnail_webp(photograph, 16))).size == (16, 8)
    assert Image.open(io.BytesIO(thumbnail_webp(photograph, 100))).size == (32, 16)


def _grey(width: int = 80, height: int = 40) -> Photograph:
    return Photograph(np.full((height, width, 3), 128, np.uint8), width, height, "PNG")


def _overlay(photograph: Photograph, heat: np.ndarray, *more: object) -> np.ndarray:
    """Return the pixels of the overlay, as numbers that can be subtracted."""
    png = overlay_png(photograph, heat.astype(np.float32), *more)  # type: ignore[arg-type]
    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


@pytest.mark.parametrize("strength", [0, 0.25, 1, -0.25, -1])
def test_overlay_paints_for_and_against_in_two_colours_up_to_seven_tenths_opaque(strength: float) -> None:
    painted = _overlay(_grey(), np.full((4, 4), strength))
    expected = 128 * (1 - 0.7 * abs(strength)) + 0.7 * abs(strength) * np.array(FOR if strength > 0 else AGAINST)
    np.testing.assert_allclose(painted, np.full((40, 80, 3), expected), atol=1)


def test_overlay_leaves_the_photograph_as_it_is_where_nothing_is_hot() -> None:
    heat = np.zeros((4, 4))
    heat[:, 0] = 1
    painted = _overlay(_grey(), heat)
    assert painted.shape == (40, 80, 3)
    assert (painted[:, 60:] == 128).all()
    np.testing.assert_allclose(painted[:, :5], np.full((40, 5, 3), 0.3 * 128 + 0.7 * np.array(FOR)), atol=1)


def test_overlay_never_paints_beyond_full_strength_or_below_none() -> None:
    """Some interpolations overshoot at both sides of an edge."""
    painted = _overlay(_grey(), np.array([[1, 1, 1, 0, 0, 0]]))[20]
    np.testing.assert_allclose(painted[0], 0.3 * 128 + 0.7 * np.array(FOR), atol=1)
    assert painted[:, 2].min() >= 0.3 * 128 - 1
    assert (painted[60:] == 128).all()


@pytest.mark.parametrize("region", [(0.25, 0.0, 0.75, 1.0), (0.0, 0.25, 1.0, 0.5), (0.5, 0.5, 1.0, 1.0)])
def test_overlay_stays_inside_the_region_that_the_model_saw(region: tuple[float, float, float, float]) -> None:
    painted = (_overlay(_grey(), np.ones((2, 2)), region) != 128).any(axis=2)
    expected = np.zeros((40, 80), bool)
    left, top, right, bottom = region
    expected[int(top * 40) : int(bottom * 40), int(left * 80) : int(right * 80)] = True
    np.testing.assert_array_equal(painted, expected)


def test_overlay_shrinks_to_the_longer_side_and_never_enlarges() -> None:
    heat = np.zeros((2, 2))
    assert _overlay(_grey(80, 40), heat, (0, 0, 1, 1), 20).shape == (10, 20, 3)
    assert _overlay(_grey(40, 80), heat, (0, 0, 1, 1), 20).shape == (20, 10, 3)
    assert _overlay(_grey(), heat, (0, 0, 1, 1), 100).shape == (40, 80, 3)


@pytest.mark.parametrize(("width", "height"), [(1, 1000), (1000, 1), (1, 2000), (2000, 1), (3, 2000)])
def test_overlay_of_a_strip_is_painted_where_the_model_saw_it_if_only_on_one_pixel(width: int, height: int) -> None:
    region = _preprocessing("crop").visible_region(width, height)
    painted = (_overlay(_grey(width, height), np.ones((2, 2)), region) != 128).any(axis=2)
    assert painted.sum() == 1
    assert painted[painted.shape[0] // 2 - 1 : painted.shape[0] // 2 + 2].any()


def test_overlay_of_a_region_beyond_the_last_pixel_is_painted_on_the_last_pixel() -> None:
    painted = (_overlay(_grey(2, 1), np.ones((2, 2)), (0.9, 0.9, 1, 1)) != 128).any(axis=2)
    assert painted.tolist() == [[False, True]]
